"""Stands in for the object store of docker-compose.yml: S3 as moto has it, in memory, for the one user, and the health check."""

import json
import os
import sys

# From the first request on, whoever has no key is refused.
os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = "0"

from moto.core import DEFAULT_ACCOUNT_ID
from moto.iam.models import iam_backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import run_simple

ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}


def settings(arguments):
    (path,) = [argument.removeprefix("-s3.config=") for argument in arguments if argument.startswith("-s3.config=")]
    with open(path) as file:
        (identity,) = json.load(file)["identities"]
    return identity


def let_in(identity):
    users = iam_backends[DEFAULT_ACCOUNT_ID]["aws"]
    users.create_user("us-east-1", identity["name"])
    users.put_user_policy(identity["name"], "all", json.dumps(ALL))
    key = users.create_access_key(identity["name"])
    (given,) = identity["credentials"]
    key.access_key_id, key.secret_access_key = given["accessKey"], given["secretKey"]


def main():
    let_in(settings(sys.argv[1:]))
    s3 = DomainDispatcherApplication(create_backend_app)

    def answer(request, start):
        if request["PATH_INFO"] != "/healthz":
            return s3(request, start)
        start("200 OK", [])
        return [b""]

    run_simple("0.0.0.0", 8333, answer, threaded=True, request_handler=MotoRequestHandler)


main()
