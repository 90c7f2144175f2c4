"""What passes and requests show to monitoring: spans and metrics of OpenTelemetry, and a log of JSON lines.

Nothing here is needed for a pass, and whatever goes wrong here harms none. `signals`, `providers` and `exporting` know
OpenTelemetry, which is an extra; nothing imports them before the setting is on.
"""
