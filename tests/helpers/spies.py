"""Look on while an experiment builds its networks: what it was given is noted, nothing changed."""

from types import SimpleNamespace


def note_plain_networks(monkeypatch, experiment):
    """Return a list to which a note is added for every network that the module builds.

    A note holds the ``weights``, the ``inputs`` that came, and the gradient that entered at the
    ``top``; ``experiment`` is a module that builds with `networks.from_weights`.
    """
    build, notes = experiment.from_weights, []

    def noted(weights, activation):
        network = build(weights, activation)
        note = SimpleNamespace(weights=list(weights), inputs=None, top=None)

        def enter(gradient):
            if note.top is None:  # backward begins at the top
                note.top = gradient.clone()

        def look(module, given, out):
            if note.inputs is None:
                note.inputs = given[0].detach().clone()
            out.register_hook(enter)

        for module in network:
            module.register_forward_hook(look)
        notes.append(note)
        return network

    monkeypatch.setattr(experiment, "from_weights", noted)
    return notes


def note_calls(monkeypatch, owner, name):
    """Return a list of what ``owner.name`` has returned since, in order."""
    call, returned = getattr(owner, name), []

    def noted(*given, **options):
        returned.append(call(*given, **options))
        return returned[-1]

    monkeypatch.setattr(owner, name, noted)
    return returned
