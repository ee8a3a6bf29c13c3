"""Many runs at once: what is run (`plan`), where (`schedule`), what is seen of it (`display`) and what came out (`results`,
`statistics`, `report`). It knows the agents by their command lines; they and `common` know nothing of it."""
