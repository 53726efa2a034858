"""One's own settings inside the Wagtail admin: what Wagtail asks there, without what the roster knows and what nobody needs."""

from wagtail.admin.auth import require_admin_access
from wagtail.admin.views.account import AccountView, AvatarSettingsPanel, NameEmailSettingsPanel


class OwnSettings(AccountView):
    """Names come from the roster; pictures of faces are not kept."""

    def get_panels(self):
        return [panel for panel in super().get_panels() if not isinstance(panel, NameEmailSettingsPanel | AvatarSettingsPanel)]


own_settings = require_admin_access(OwnSettings.as_view())
