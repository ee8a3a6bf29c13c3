import pytest


@pytest.fixture(params=['envpool', 'gymnasium'])
def engine(request):
    return request.param
