"""Models behind a server: the same networks and decoders as in ONNX files, asked over HTTP."""

from typing import Literal

from pydantic import Field

from include.annotators.detector import Detector, DetectorSettings
from include.annotators.endpoint import Endpoint, EndpointSettings
from include.annotators.networks import Network
from include.annotators.open_inference import OpenInference
from include.annotators.picture_model import PictureModel
from include.annotators.segmenter import Segmenter, SegmenterSettings
from include.annotators.tensorflow_serving import TensorFlowServing


class ServedSettings(EndpointSettings):
    """Where the model is served, and what it is; all other settings are a detector's or a segmenter's."""

    model_version: str | None = Field(None, description="Its version; the newest at the time if not set.")
    protocol: Literal["v2", "tensorflow"] = Field(
        "v2", description="v2 (Open Inference Protocol: KServe, Triton), or tensorflow (TensorFlow Serving's REST)."
    )
    task: Literal["detector", "segmenter"] = Field("detector", description="detector or segmenter.")


def served(**settings: object) -> PictureModel:
    """A model behind a server, as a DetectionFunction.

    Its version hangs on where it is served and what the server says of it (name, version, tensors), so a server that is
    given other weights must give them another version. Raises ValueError for settings that do not fit the model, and
    ModelServerUnavailable.
    """
    own = {name: value for name, value in settings.items() if name in ServedSettings.model_fields}
    of_model = {name: value for name, value in settings.items() if name not in own}
    stated = ServedSettings.model_validate(own)
    endpoint = Endpoint(stated)
    kind = OpenInference if stated.protocol == "v2" else TensorFlowServing
    network: Network = kind(endpoint, stated.model_version)
    if stated.task == "detector":
        return Detector(network, DetectorSettings.model_validate(of_model), workers=stated.concurrency)
    return Segmenter(network, SegmenterSettings.model_validate(of_model), workers=stated.concurrency)
