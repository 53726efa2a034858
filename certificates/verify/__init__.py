"""The public check: anybody, without signing in, asks whether a certificate is real.

`views` are the doors, `answers` what is said of a number, `limits` and `work` how much one may ask; `inspection` runs
`inspector` in a process of its own over a file that somebody dropped in, `comparison` says what was changed in it.
Nothing is imported here: the inspector's process knows neither Django nor the database.
"""
