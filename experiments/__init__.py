"""Many runs at once: `plan` lists them, `schedule` trains them, `search` tunes settings, `display` shows progress, and
`results`, `statistics` and `report` evaluate. It runs agents by their command lines; neither they nor `common` import it."""
