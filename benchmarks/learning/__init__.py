"""What the agents learn: training over seeds, with tables, figures and the agents that ship."""
