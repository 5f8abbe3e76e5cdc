"""Where work runs: how many passes at once on each device, and jobs that go on while a person does something else."""
