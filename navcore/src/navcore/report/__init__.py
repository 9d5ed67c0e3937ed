"""What people see: live progress, the summary of a run, its plan, the plugins. The only place that knows rich."""
