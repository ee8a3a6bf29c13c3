"""Programs that XLA has compiled, shared by agents whose updates compute the same.

XLA keeps what it has compiled as long as the process runs: about 30 MB for each agent. So an agent uses the program of an
earlier agent if the graphs of both are equal, constants among them, with its own variables. This saves the compilation, too.
"""

import contextlib
import hashlib
import importlib
import itertools

UNIQUE = ('_class', '_gradient_op_type')  # attributes that only name something: they differ from graph to graph
programs = {}  # the functions of traces, by fingerprint


class Program:
    """A compiled method of one agent, with its variables: `function`, a tf.function, for tensors of the shapes of `tensors`."""

    def __init__(self, function, tensors):
        with _forgetting_gradients():
            trace = function.get_concrete_function(*tensors)
        self.fingerprint, self.captured, own = fingerprint(trace), trace.captured_inputs, trace.inference_fn
        _forget_graphs(own)
        self.function = programs.get(self.fingerprint, own)

    def __call__(self, *tensors):
        return self.function.call_preflattened([*tensors, *self.captured])

    def share(self):
        """Lets later agents use the program, which has run without an error."""
        programs.setdefault(self.fingerprint, self.function)


@contextlib.contextmanager
def _forgetting_gradients():
    """Forgets the gradients that are registered meanwhile.

    Keras's optimisers register one in each trace, for the whole process, and it holds the trace's graph. Nobody differentiates
    an update.
    """
    registry = importlib.import_module('tensorflow.python.framework.ops').gradient_registry._registry
    before = set(registry)
    yield
    for name in registry.keys() - before:
        registry.pop(name, None)  # the other thread may have done so


def _forget_graphs(function):
    """Frees the graphs of a function and of those it calls: cycles through C++, which Python's garbage collector cannot see."""
    for one in function.children:
        _forget_graphs(one)
    if function._cached_graph:
        dismantle = importlib.import_module('tensorflow.python.framework.func_graph').dismantle_func_graph
        dismantle(function._cached_graph)
        function._cached_graph = None


def fingerprint(trace):
    """A digest of what a trace computes: operations, the order of their inputs, attributes, constants; no names."""
    graph = trace.graph
    definition, digest = graph.as_graph_def(), hashlib.sha256()
    functions = {one.signature.name: one for one in definition.library.function}
    called = {}  # names of functions in the order in which they are called first

    def add(*parts):
        digest.update('\0'.join(map(str, parts)).encode() + b'\n')

    def number_of(function):
        return called.setdefault(function, len(called))

    def add_attributes(attributes):
        for name in sorted(attributes.keys() - UNIQUE):
            value = attributes[name]
            called_here = [value.func] if value.HasField('func') else value.list.func
            for one in called_here:
                add(name, number_of(one.name))
                add_attributes(one.attr)
            if not called_here:
                add(name, value.SerializeToString(deterministic=True))

    def add_nodes(nodes, arguments=()):
        numbers = {name: i for i, name in enumerate([*arguments, *(one.name for one in nodes)])}
        for node in nodes:
            inputs = (one.lstrip('^').partition(':') for one in node.input)
            add(node.op, [(numbers[name], output) for name, _, output in inputs], [one[0] == '^' for one in node.input])
            add_attributes(node.attr)
        return numbers

    numbers = add_nodes(definition.node)
    add([(numbers[one.op.name], one.value_index) for one in [*graph.inputs, *graph.outputs]], len(graph.inputs))
    add(sorted(numbers[one.name] for one in graph.control_outputs))
    for i in itertools.count():
        if i == len(called):
            return digest.hexdigest()
        function = functions[list(called)[i]]
        add([one.type for one in function.signature.input_arg])
        numbers = add_nodes(function.node_def, [one.name for one in function.signature.input_arg])
        returned = [function.ret[one.name].partition(':') for one in function.signature.output_arg]
        add([(numbers[name], output) for name, _, output in returned])
        add(sorted(numbers[name] for name in function.control_ret.values()))
        add_attributes(function.attr)
