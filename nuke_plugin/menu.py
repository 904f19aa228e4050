"""Nuke runs this at its start where there is a window: the menus of Semantic Matte."""

try:
    from semantic_matte_nuke import menus

    menus.register()
except Exception as reason:
    # Whatever is broken here, Nuke starts on.
    print(
        f"Semantic Matte has no menus ({type(reason).__name__}: {reason}): run 'semantic-matte install nuke' "
        "in a shell again. Scripts with its nodes open and render without it."
    )
