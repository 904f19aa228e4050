"""Nuke runs this at every start, without a window too: what scripts and renders need of Semantic Matte."""

try:
    from semantic_matte_nuke import callbacks

    callbacks.register()
except Exception as reason:
    # Whatever is broken here, Nuke starts on.
    print(
        f"Semantic Matte can't be used ({type(reason).__name__}: {reason}): run 'semantic-matte install nuke' "
        "in a shell again. Scripts with its nodes open and render without it."
    )
