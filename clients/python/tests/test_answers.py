"""The types of answers against the document of the service that answers."""

import json
import unittest
import urllib.request
from typing import Any, get_args

import msgspec

from service import FAKE, Service
from tagfleet import Feature, answers

Schema = dict[str, Any]

SCHEMAS: dict[type[msgspec.Struct], str] = {
    answers.Batch: "BatchView",
    answers.BatchPage: "BatchList",
    answers.Box: "BoxView",
    answers.Caption: "CaptionView",
    answers.Color: "ColorView",
    answers.Counts: "Counts",
    answers.DryRun: "DryRunView",
    answers.Eta: "Eta",
    answers.Embedding: "EmbeddingView",
    answers.Exif: "ExifView",
    answers.Faces: "FacesView",
    answers.FailureCounts: "FailureCounts",
    answers.Grade: "GradeView",
    answers.Grades: "GradesView",
    answers.ImageFacts: "Image",
    answers.Line: "LineView",
    answers.ListFault: "ListFault",
    answers.ListFaults: "Errors",
    answers.Model: "ModelView",
    answers.ModelId: "Model",
    answers.ModelInput: "InputView",
    answers.Models: "ModelList",
    answers.NearTag: "NearTag",
    answers.Output: "Output",
    answers.People: "PeopleView",
    answers.Place: "PlaceView",
    answers.Quality: "QualityView",
    answers.SearchAnswer: "SearchAnswer",
    answers.Tag: "TagView",
    answers.TagAnswer: "TagAnswer",
    answers.Text: "TextView",
    answers.TextPlace: "PlaceInPicture",
    answers.Worker: "WorkerView",
}
#: What is the same in every answer, or follows from the id.
LEFT_OUT = {"object", "endpoint", "results_url", "errors_url", "first_id"}
#: Always sent, though the document lets them be absent, since they may be null.
MAY_BE_NULL = {"text", "default"}


class Document(unittest.TestCase):
    def test_every_field_of_the_document_has_its_place(self) -> None:
        service = self.enterContext(Service(*FAKE))
        with urllib.request.urlopen(f"{service.url}/openapi.json") as answer:
            schemas = json.load(answer)["components"]["schemas"]
        self.assertEqual(set(get_args(Feature)), set(schemas["Feature"]["enum"]))
        for kind, name in SCHEMAS.items():
            told, required = parts(schemas[name], schemas)
            fields = {field.name: field for field in msgspec.structs.fields(kind)}
            self.assertEqual(set(fields), told - LEFT_OUT, name)
            wanted = {name for name, field in fields.items() if field.required}
            self.assertLessEqual(wanted, required | MAY_BE_NULL, name)


def parts(schema: Schema, schemas: dict[str, Schema]) -> tuple[set[str], set[str]]:
    """The fields that there are, and those that are always there; of what is put together, those of its parts."""
    if "$ref" in schema:
        return parts(schemas[schema["$ref"].split("/")[-1]], schemas)
    told, required = set(schema.get("properties", ())), set(schema.get("required", ()))
    for part in schema.get("allOf", ()):
        more, more_required = parts(part, schemas)
        told, required = told | more, required | more_required
    return told, required
