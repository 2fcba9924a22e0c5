"""What the monitors look for where it takes people and promises to see it; docs/monitors.md."""
