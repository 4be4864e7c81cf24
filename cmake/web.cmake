# Filled by the dashboard: builds web/ with npm and embeds it.
