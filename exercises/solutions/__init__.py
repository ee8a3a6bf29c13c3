"""A solution of each exercise. The files that readers write in are made of these, without what is between def and return."""
