"""The default segmenter: the best model that is here and may be used."""

from __future__ import annotations

import importlib.util

from semantic_matte.errors import LicenceError
from semantic_matte.settings import Settings
from semantic_matte.weights import allowed, find_model, present

# Best first, by the mask AP on COCO that their authors publish: name for `segmenter`, the package that it
# needs, its model in the manifest. The embedded one comes after all of them.
PREFERENCE = (
    ("detectron2", "detectron2", "detectron2_cascade_mask_rcnn_x152"),
    ("torchvision:maskrcnn_resnet50_fpn_v2", "torchvision", "torchvision_mask_rcnn_v2"),
    ("torchvision:maskrcnn_resnet50_fpn", "torchvision", "torchvision_mask_rcnn_v1"),
)
AUTO, EMBEDDED = "auto", "starter"


def best_present(settings: Settings) -> tuple[str, str]:
    """What `auto` stands for: a value for `segmenter`, and a sentence for the user if not the embedded one.

    A model counts that was pulled, whose package is installed and whose terms were accepted where they have to
    be.
    """
    for segmenter, package, name in PREFERENCE:
        model = find_model(name)
        if importlib.util.find_spec(package) is None or present(model) is None:
            continue
        try:
            allowed(model, settings.accept_licence)
        except LicenceError:
            continue
        return segmenter, (
            f"Objects are found by '{segmenter}', the best model that is here; --segmenter {EMBEDDED} is the "
            "embedded one."
        )
    return EMBEDDED, ""
