"""Classes of nodes whose picture is the same at every frame where their knobs and inputs are."""

from __future__ import annotations

# Whatever isn't here may move by itself, as noise, grain, paint, tracks and retimes do.
STILL = frozenset(
    (
        *(
            "Read",
            "Constant",
            "CheckerBoard",
            "CheckerBoard2",
            "ColorBars",
            "ColorWheel",
            "Radial",
            "Rectangle",
        ),
        *(
            "Ramp",
            "Dot",
            "NoOp",
            "Input",
            "Output",
            "Switch",
            "Dissolve",
            "FrameHold",
            "TimeOffset",
            "FrameRange",
        ),
        *(
            "Grade",
            "ColorCorrect",
            "Multiply",
            "Add",
            "Gamma",
            "Saturation",
            "HueShift",
            "HueCorrect",
            "Invert",
        ),
        *("Clamp", "ColorMatrix", "ColorLookup", "ColorSpace", "Colorspace", "Log2Lin", "PLogLin", "Exposure"),
        *("EXPTool", "SoftClip", "Toe2", "Histogram", "OCIOColorSpace", "OCIODisplay", "OCIOLogConvert"),
        *("OCIOCDLTransform", "OCIOFileTransform", "Vectorfield", "Expression", "MergeExpression"),
        *("Merge", "Merge2", "ChannelMerge", "Keymix", "Copy", "CopyBBox", "CopyMetaData", "AddChannels"),
        *("Shuffle", "Shuffle1", "Shuffle2", "ShuffleCopy", "Remove", "Premult", "Unpremult", "AddMix"),
        *("Reformat", "Crop", "Transform", "TransformMasked", "CornerPin2D", "Mirror", "Mirror2", "Position"),
        *("BlackOutside", "AdjBBox", "Tile", "LensDistortion", "LensDistortion2", "STMap", "IDistort"),
        *("Blur", "Defocus", "Median", "Sharpen", "Soften", "EdgeBlur", "Erode", "FilterErode", "Dilate"),
        *("JoinViews", "OneView", "ShuffleViews", "ModifyMetaData", "Keyer", "Difference", "Cryptomatte"),
    )
)
