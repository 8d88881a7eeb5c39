"""What is given to a call: the same for a file and for a URL, and refused before it is sent where it makes no sense."""

import base64
import json
import math
import unittest
from typing import Any, cast

from tagfleet import AsyncTagfleet, NotAnImage, Tagfleet
from tagfleet.batches import calls
from tagfleet.calls import Request, TagCall, source
from tagfleet.options import normal
from tagfleet.settings import Settings

URL = "http://a/1.png"


def sent(image: Any, **options: object) -> Request:
    return TagCall.of(image, options, None).within(30.0)


def told(request: Request) -> dict[str, Any]:
    """What the service reads of a request: of a query the names between commas."""
    if isinstance(request.body, bytes) and request.headers["content-type"] == "application/json":
        body = cast(dict[str, Any], json.loads(request.body))
        body.pop("image")
        return body
    lists = ("features", "categories", "include", "exclude")
    return {name: text.split(",") if name in lists else text for name, text in request.query.items()}


class Options(unittest.TestCase):
    def test_an_option_means_the_same_for_a_file_and_for_a_url(self) -> None:
        for given, meant in (
            ({"features": "tags"}, {"features": ["tags"]}),
            ({"features": ("tags", "caption")}, {"features": ["tags", "caption"]}),
            ({"features": {"tags"}}, {"features": ["tags"]}),
            ({"include": "cat"}, {"include": ["cat"]}),
            ({"exclude": ["cat,dog"]}, {"exclude": ["cat,dog"]}),
            ({"exclude": [" cat"], "include": []}, {"exclude": [" cat"], "include": []}),
            ({"exclude": iter(["cat", "dog"])}, {"exclude": ["cat", "dog"]}),
            ({"limit": None, "language": "ko"}, {"language": "ko"}),
        ):
            options = normal(cast(dict[str, object], given))
            self.assertEqual((told(sent(b"picture", **options)), told(sent(URL, **options))), (meant, meant), given)

    def test_a_name_with_a_comma_stays_one_name(self) -> None:
        request = sent(b"picture", exclude=["cat,dog"])
        assert isinstance(request.body, bytes)
        self.assertEqual(base64.b64decode(json.loads(request.body)["image"]["content"]), b"picture")

    def test_what_an_option_is_not_is_said_whatever_the_image(self) -> None:
        for image in (b"picture", URL):
            for name, value, error in (
                ("limit", "2", TypeError),
                ("limit", True, TypeError),
                ("limit", 2.5, TypeError),
                ("threshold", "0.1", TypeError),
                ("threshold", math.nan, ValueError),
                ("threshold", math.inf, ValueError),
                ("explain", "yes", TypeError),
                ("features", 5, TypeError),
                ("features", [5], TypeError),
                ("include", {"cat": 1}, TypeError),
                ("model", 5, TypeError),
            ):
                with self.assertRaisesRegex(error, name):
                    sent(image, **{name: value})

    def test_what_is_wrong_with_the_options_of_a_list_is_said_at_once(self) -> None:
        client = Tagfleet("http://127.0.0.1:9")
        with self.assertRaisesRegex(TypeError, "limit"):
            client.tag_many([b"picture"], limit=cast(int, "2"))
        with self.assertRaisesRegex(ValueError, "patience"):
            client.tag_many([b"picture"], patience=math.nan)
        with self.assertRaisesRegex(TypeError, "limit"):
            AsyncTagfleet("http://127.0.0.1:9").tag_many([b"picture"], limit=cast(int, "2"))


class Images(unittest.TestCase):
    def test_what_is_no_image_is_said(self) -> None:
        for image in (None, 5, [b"picture"], "a\0b"):
            with self.assertRaises(NotAnImage):
                source(image)
        # Whoever handles a wrong type as Python names it does so still.
        self.assertTrue(issubclass(NotAnImage, TypeError))

    def test_bytes_of_any_kind_are_a_file(self) -> None:
        for image in (b"picture", bytearray(b"picture"), memoryview(b"picture")):
            self.assertEqual(source(image), b"picture")

    def test_data_in_a_url_is_sent_as_it_is(self) -> None:
        data = "data:image/png;base64," + base64.b64encode(b"picture" * 1_000).decode()
        request = sent(data)
        assert isinstance(request.body, bytes)
        self.assertEqual(json.loads(request.body), {"image": {"content": data}})


class Times(unittest.TestCase):
    def test_a_time_is_one_for_a_call_as_for_a_client(self) -> None:
        client = Tagfleet("http://127.0.0.1:9")
        for timeout in (0, -1, math.nan, math.inf):
            for call in (
                lambda timeout=timeout: Tagfleet("http://a", timeout=timeout),
                lambda timeout=timeout: client.tag(b"picture", timeout=timeout),
                lambda timeout=timeout: client.tag_many([b"picture"], timeout=timeout),
                lambda timeout=timeout: client.search("sea", timeout=timeout),
                lambda timeout=timeout: client.batches.get("batch_1", timeout=timeout),
                lambda timeout=timeout: client.batches.wait("batch_1", timeout=timeout),
                lambda timeout=timeout: client.batches.submit([URL], timeout=timeout),
                lambda timeout=timeout: AsyncTagfleet("http://a").tag_many([b"picture"], timeout=timeout),
            ):
                with self.assertRaisesRegex(ValueError, "timeout is a number of seconds above 0"):
                    call()
        self.assertEqual(Settings.of("http://a", None, 30.0, 2).time_s(None), 30.0)
        with self.assertRaisesRegex(ValueError, "max_retries"):
            Tagfleet("http://a", max_retries=-1)


class Ids(unittest.TestCase):
    def test_an_id_leads_to_nothing_above_it(self) -> None:
        client = Tagfleet("http://127.0.0.1:9")
        for name in ("", ".", "..", "../usage", "a/b", "a?b", "a b", "a%2fb"):
            for call in (client.request, client.batches.get, client.batches.cancel, client.batches.retry, client.batches.retag):
                with self.assertRaisesRegex(ValueError, "is no id"):
                    call(name)


class Items(unittest.TestCase):
    def rows(self, *items: Any) -> list[dict[str, str]]:
        with calls.spooled(items) as file:
            file.seek(0)
            return [json.loads(line) for line in file]

    def test_an_item_is_a_url_a_pair_or_what_the_api_calls_it(self) -> None:
        named = {"custom_id": "a", "url": URL}
        rows = self.rows(URL, ("a", URL), ["a", URL], named, {"url": URL})
        self.assertEqual(rows, [{"url": URL}, named, named, named, {"url": URL}])

    def test_what_is_no_item_is_said_with_its_place(self) -> None:
        for item in (None, 5, b"a", ("a",), ("a", 5), {}, {"link": URL}, {"url": URL, "id": "a"}, {"custom_id": 5, "url": URL}):
            with self.assertRaisesRegex(TypeError, "item 2 is a URL"):
                self.rows(URL, item)
