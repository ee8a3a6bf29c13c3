"""The notebooks: source/ holds one Python file for each, from which `python -m notebooks.build` writes those of en/ and zh/."""
