"""Programs that XLA has compiled, shared by agents whose updates compute the same.

XLA keeps what it has compiled as long as the process runs: about 30 MB for each agent. So an agent uses the program of an
earlier agent if the graphs of both are equal, constants among them, with its own variables. This saves the compilation, too.
"""

import contextlib
import hashlib
import importlib
import itertools
import threading
import weakref

UNIQUE = ('_class', '_gradient_op_type')  # attributes that only name something: they differ from graph to graph
SUM = 'tensorflow.python.distribute.distribute_lib'  # the module of the sum over devices
programs = weakref.WeakValueDictionary()  # the functions of traces, by fingerprint
kept = set()  # those that have run without an error, for later agents
_tracing = threading.RLock()  # two threads would forget each other's gradients; tracing is Python's work, so none waits longer


class Program:
    """A compiled method of one agent, with its variables: `function`, a tf.function, for tensors of the shapes of `tensors`.

    XLA compiles a function once, even if that fails: `anew` is for another attempt.
    """

    def __init__(self, function, tensors, anew=False):
        with _tracing, _forgetting_gradients():
            trace = function.get_concrete_function(*tensors)
        self.fingerprint, called = fingerprint(trace)
        self.captured, self.type = trace.captured_inputs, trace.function_type
        with _tracing:
            known = None if anew else programs.get(self.fingerprint)
            self.function = known or _renamed(trace, called, self.fingerprint[:16] + '_anew' * anew)
            programs[self.fingerprint] = self.function
        _forget_graphs(trace.inference_fn)

    def __call__(self, *tensors):
        return self.type.pack_output(self.function.call_flat(*tensors, *self.captured))

    def share(self):
        """Keeps the program, which has run without an error, for later agents."""
        kept.add(self.function)


def forget_operations():
    """Empties TensorFlow's cache of operations that ran outside compiled code: a megabyte for each agent, by its variables.

    They are made again when they are needed.
    """
    importlib.import_module('tensorflow.python.eager.context').context().clear_kernel_cache()


@contextlib.contextmanager
def _forgetting_gradients():
    """Forgets the gradients that Keras's optimisers register meanwhile: one in each trace, for the whole process.

    Such a gradient holds the trace's graph, and nobody differentiates an update.
    """
    registry = importlib.import_module('tensorflow.python.framework.ops').gradient_registry._registry
    before = set(registry)
    try:
        yield
    finally:
        for name in registry.keys() - before:
            if name.startswith('CustomGradient') and _sums_over_devices(registry[name]['type']):
                del registry[name]


def _sums_over_devices(gradient):
    """Whether a function that is registered as a gradient is that of the sum over devices in `apply_gradients`."""
    held = [cell.cell_contents for cell in getattr(gradient, '__closure__', None) or ()]
    functions = [one for one in held if callable(one) and hasattr(one, '__closure__')]
    return gradient.__module__ == SUM or any(map(_sums_over_devices, functions))


def _forget_graphs(function):
    """Frees the graphs of a function and of its loops and branches: Python's garbage collector cannot see all their cycles.

    Those of other tf.functions that it calls stay: somebody may call them elsewhere.
    """
    for one in function.children:
        if not one.name.startswith(b'__inference_'):
            _forget_graphs(one)
    if function._cached_graph:
        dismantle = importlib.import_module('tensorflow.python.framework.func_graph').dismantle_func_graph
        dismantle(function._cached_graph)
        function._cached_graph = None


def _renamed(trace, called, prefix):
    """The function of a trace under names that are the same in every process: XLA's cache on disk looks programs up by them.

    TensorFlow numbers functions in the order of their traces, and traces come from two threads.
    """
    names = {name: f'{prefix}_{number}' for name, number in called.items()}
    own = trace.inference_fn
    names[own.name.decode()] = prefix
    context = importlib.import_module('tensorflow.python.eager.context').context()
    definitions = {one.signature.name: one for one in trace.graph.as_graph_def().library.function}
    for name in called:
        if not context.has_function(names[name]):
            context.add_function_def(_with_names(definitions[name], names))
    atomic = importlib.import_module('tensorflow.python.eager.polymorphic_function.atomic_function')
    return atomic.from_function_def(_with_names(own.cached_definition, names), own.function_type)


def _with_names(definition, names):
    """A copy of a function's definition in which the functions have other names."""
    copy = type(definition)()
    copy.CopyFrom(definition)
    copy.signature.name = names[copy.signature.name]
    for node in copy.node_def:
        for value in node.attr.values():
            for function in [value.func] if value.HasField('func') else value.list.func:
                function.name = names[function.name]
    return copy


def fingerprint(trace):
    """A digest of what a trace computes, and the numbers of the functions that it calls, by name.

    The digest is of operations, devices, the order of inputs, attributes and constants; no names.
    """
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
            inputs = [one.partition(':') for one in node.input]
            add(node.op, node.device, [(name[:1] == '^', numbers[name.lstrip('^')], output) for name, _, output in inputs])
            add_attributes(node.attr)
        return numbers

    add_attributes(trace.inference_fn.cached_definition.attr)  # XLA or not, for instance
    numbers = add_nodes(definition.node)
    add([(numbers[one.op.name], one.value_index) for one in [*graph.inputs, *graph.outputs]], len(graph.inputs))
    add(sorted(numbers[one.name] for one in graph.control_outputs))
    for i in itertools.count():
        if i == len(called):
            return digest.hexdigest(), called
        function = functions[list(called)[i]]
        add([one.type for one in function.signature.input_arg])
        numbers = add_nodes(function.node_def, [one.name for one in function.signature.input_arg])
        returned = [function.ret[one.name].partition(':') for one in function.signature.output_arg]
        add([(numbers[name], output) for name, _, output in returned])
        add(sorted(numbers[name] for name in function.control_ret.values()))
        add_attributes(function.attr)
