"""Record what the original runtimes answer, as test data for the PyTorch networks.

NanoDet runs in TensorFlow.js (``reference_outputs.mjs``, started from a folder with npm
``@tensorflow/tfjs`` 4.22.0 in its ``node_modules``), U2-Net-p in ONNX Runtime.

Inputs are crops of the test photos at their own size, padded with black below and at the right:
no resampling, so they are the same to the bit everywhere. Each ``.npz`` holds its crop, a sparse
sample of the outputs and summary statistics; the tests read all that they need from it.

    python weights/training/reference_outputs.py --nanodet package/models/nanodet.json \
        --node-folder node --u2netp rembg/u2netp.onnx \
        --photos tests/data/photos --output tests/data/networks
"""

import argparse
import subprocess
import tempfile
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from semantic_matte.networks import imagenet, nanodet, u2netp

# Top, left, height, width in pixels of the photo.
NANODET_CROPS = {
    "astronaut": (0, 48, 416, 416),
    "chelsea": (0, 35, 300, 416),
    "coffee": (0, 100, 400, 416),
}
U2NETP_CROPS = {
    "astronaut": (0, 64, 320, 320),
    "chelsea": (0, 100, 300, 320),
    "coffee": (40, 140, 320, 320),
}
SCORE_THRESHOLD = 0.05
# Coprime to the lengths of the rows, 80 and 44, so samples fall on every class, bin and column.
SCORE_STEP = 101
LOGIT_STEP = 31
SALIENCY_STEP = 5
SIDE_STEP = 16

Floats = NDArray[np.float32]


def cropped(photo: Path, crop: tuple[int, int, int, int], size: int) -> NDArray[np.uint8]:
    """Return (size, size, 3) BGR: the photo's crop, black outside it."""
    top, left, height, width = crop
    image = cv2.imread(str(photo), cv2.IMREAD_COLOR)
    if image is None:
        raise SystemExit(f"{photo.name}: cannot be read as an image")
    canvas = np.zeros((size, size, 3), np.uint8)
    canvas[:height, :width] = image[top : top + height, left : left + width]
    return canvas


def nanodet_input(bgr: NDArray[np.uint8]) -> Floats:
    """Return (1, 3, H, W), normalised."""
    mean = np.array(nanodet.MEAN, np.float32)
    std = np.array(nanodet.STD, np.float32)
    normalised = (bgr.astype(np.float32) - mean) / std
    return np.ascontiguousarray(normalised.transpose(2, 0, 1)[None])


def u2netp_input(bgr: NDArray[np.uint8]) -> Floats:
    """Return (1, 3, H, W), RGB, divided by the maximum and normalised."""
    rgb = bgr[..., ::-1].astype(np.float32)
    mean = np.array(imagenet.MEAN, np.float32)
    std = np.array(imagenet.STD, np.float32)
    normalised = (rgb / rgb.max() - mean) / std
    return np.ascontiguousarray(normalised.transpose(2, 0, 1)[None])


def run_nanodet(graph: Path, node_folder: Path, images: Floats) -> tuple[Floats, Floats]:
    """Return scores (A, 80) and distance logits (A, 44) of the original graph."""
    script = Path(__file__).with_suffix(".mjs").resolve()
    with tempfile.TemporaryDirectory() as folder:
        input_path = Path(folder) / "input.bin"
        images.tofile(input_path)
        subprocess.run(["node", script, graph.resolve(), input_path, folder], cwd=node_folder, check=True)
        outputs = [
            np.fromfile(Path(folder) / f"{name}.bin", np.float32)
            for name in ("Identity", *(f"Identity_{index}" for index in range(1, 6)))
        ]
    scores = np.concatenate([output.reshape(-1, nanodet.CLASS_COUNT) for output in outputs[:3]])
    bins = 4 * nanodet.DISTANCE_BINS
    return scores, np.concatenate([output.reshape(-1, bins) for output in outputs[3:]])


def summary(values: Floats) -> NDArray[np.float64]:
    """Return minimum, maximum, mean and standard deviation."""
    wide = values.astype(np.float64)
    return np.array([wide.min(), wide.max(), wide.mean(), wide.std()])


def record_nanodet(arguments: argparse.Namespace) -> None:
    for name, crop in NANODET_CROPS.items():
        bgr = cropped(arguments.photos / f"{name}.png", crop, nanodet.INPUT_SIZE)
        scores, logits = run_nanodet(arguments.nanodet, arguments.node_folder, nanodet_input(bgr))
        confident = scores.max(axis=1) > SCORE_THRESHOLD
        np.savez_compressed(
            arguments.output / f"nanodet_{name}.npz",
            crop=np.array(crop),
            score_sample=scores.ravel()[::SCORE_STEP],
            score_step=SCORE_STEP,
            logit_sample=logits.ravel()[::LOGIT_STEP],
            logit_step=LOGIT_STEP,
            confident_anchors=np.flatnonzero(confident),
            confident_scores=scores[confident],
            confident_logits=logits[confident],
            score_summary=summary(scores),
            logit_summary=summary(logits),
        )


def record_u2netp(arguments: argparse.Namespace) -> None:
    session = onnxruntime.InferenceSession(arguments.u2netp, providers=["CPUExecutionProvider"])
    for name, crop in U2NETP_CROPS.items():
        bgr = cropped(arguments.photos / f"{name}.png", crop, u2netp.INPUT_SIZE)
        outputs = session.run(None, {session.get_inputs()[0].name: u2netp_input(bgr)})
        fused, *sides = (output[0, 0] for output in outputs)
        np.savez_compressed(
            arguments.output / f"u2netp_{name}.npz",
            crop=np.array(crop),
            saliency_sample=fused[::SALIENCY_STEP, ::SALIENCY_STEP],
            saliency_step=SALIENCY_STEP,
            saliency_summary=summary(fused),
            side_sample=np.stack(sides)[:, ::SIDE_STEP, ::SIDE_STEP],
            side_step=SIDE_STEP,
            side_summary=np.stack([summary(side) for side in sides]),
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--nanodet", type=Path, required=True, help="nanodet.json")
    parser.add_argument("--node-folder", type=Path, required=True, help="folder of node_modules")
    parser.add_argument("--u2netp", type=Path, required=True, help="u2netp.onnx")
    parser.add_argument("--photos", type=Path, required=True, help="folder of the test photos")
    parser.add_argument("--output", type=Path, required=True, help="folder for the .npz files")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    record_nanodet(arguments)
    record_u2netp(arguments)


if __name__ == "__main__":
    main()
