"""The gapless sequences that certificates are numbered from."""

from django.db import models


class NumberSequence(models.Model):
    """The last number given out for one prefix, category, year and issuing county. Locked while one is taken."""

    prefix = models.CharField(max_length=10)
    category = models.CharField(max_length=2)
    year = models.PositiveSmallIntegerField()
    county_code = models.CharField(max_length=12)
    last = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["prefix", "category", "year", "county_code"], name="number_sequence_once")]

    def __str__(self) -> str:
        return f"{self.prefix}-{self.category}-{self.year}-{self.county_code}: {self.last}"
