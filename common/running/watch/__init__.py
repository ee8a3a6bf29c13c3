"""A page in the browser that shows a training while it runs, for `--watch` and `train(watch=True)`.

`feed` collects what the page shows, `server` serves it on this machine, `page` puts the page together from its files,
`networks` writes an agent's networks for the figure that acts with them, and `earlier` reads the runs to compare with.
"""
