"""What a translation has to keep of its original: code, roles, equations, links."""

import re

CODE = re.compile(r'(?:\{[\w-]+\})?(`+)(?!`).+?(?<!`)\1(?!`)', re.S)
EQUATION = re.compile(r'\$[^$]+\$')
LINK = re.compile(r'\]\(([^)]+)\)')


def skeleton(text):
    """What stands in a text beside its words: sets, since languages order their words, and repeat them, differently."""
    code = {match[0] for match in CODE.finditer(text)}
    rest = CODE.sub('', text)
    return code, set(EQUATION.findall(rest)), set(LINK.findall(rest))
