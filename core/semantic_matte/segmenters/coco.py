"""The 80 classes of COCO: names in the order of networks' outputs, and COCO's own category ids (1..90).

Source: Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014; ids as in instances_train2017.json.
"""

from __future__ import annotations

# Ids that COCO reserved and never used in its annotations of 2014 and 2017.
_UNUSED_IDS = {12, 26, 29, 30, 45, 66, 68, 69, 71, 83}

# fmt: off
COCO_NAMES: tuple[str, ...] = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light",
    "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow",
    "elephant", "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee",
    "skis", "snowboard", "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard",
    "tennis racket", "bottle", "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple",
    "sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch",
    "potted plant", "bed", "dining table", "toilet", "tv", "laptop", "mouse", "remote", "keyboard",
    "cell phone", "microwave", "oven", "toaster", "sink", "refrigerator", "book", "clock", "vase",
    "scissors", "teddy bear", "hair drier", "toothbrush",
)
# fmt: on

COCO_IDS: dict[str, int] = dict(zip(COCO_NAMES, (i for i in range(1, 91) if i not in _UNUSED_IDS), strict=True))

# What people say -> what COCO says.
ALIASES: dict[str, str] = {
    "plant": "potted plant",
    "people": "person",
    "man": "person",
    "woman": "person",
    "child": "person",
    "bike": "bicycle",
    "motorbike": "motorcycle",
    "plane": "airplane",
    "aeroplane": "airplane",
    "ball": "sports ball",
    "phone": "cell phone",
    "sofa": "couch",
    "table": "dining table",
    "television": "tv",
    "fridge": "refrigerator",
    "glass": "wine glass",
    "racket": "tennis racket",
    "hydrant": "fire hydrant",
    "doughnut": "donut",
}

# COCO's own groups of its classes.
SUPERCATEGORIES: dict[str, tuple[str, ...]] = {
    "vehicle": COCO_NAMES[1:9],
    "outdoor": COCO_NAMES[9:14],
    "animal": COCO_NAMES[14:24],
    "accessory": COCO_NAMES[24:29],
    "sports": COCO_NAMES[29:39],
    "kitchen": COCO_NAMES[39:46],
    "food": COCO_NAMES[46:56],
    "furniture": COCO_NAMES[56:62],
    "electronic": COCO_NAMES[62:68],
    "appliance": COCO_NAMES[68:73],
    "indoor": COCO_NAMES[73:80],
}
