#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A client of the Kubernetes CRI, as small as the tests need it.

usage: cri.py SOCKET PROTOCOL METHOD [JSON]
  PROTOCOL   the directory of cri_pb2.py, which protoc made of the CRI's api.proto
  METHOD     such as RunPodSandbox; the request is METHODRequest, given as JSON with the protocol's names
Prints the answer as JSON (bytes as text); an error's text on stderr, status 1."""
import base64
import json
import sys

socket, protocol, method = sys.argv[1:4]
sys.path.insert(0, protocol)

import cri_pb2  # noqa: E402
import grpc  # noqa: E402
from google.protobuf import json_format  # noqa: E402

request = json_format.Parse(sys.argv[4] if len(sys.argv) > 4 else "{}", getattr(cri_pb2, method + "Request")())
answer = getattr(cri_pb2, method + "Response")
call = grpc.insecure_channel("unix://" + socket).unary_unary(
    f"/runtime.v1.RuntimeService/{method}", request_serializer=lambda r: r.SerializeToString(),
    response_deserializer=answer.FromString)
try:
    result = json_format.MessageToDict(call(request, timeout=240), preserving_proto_field_name=True)
except grpc.RpcError as error:
    sys.exit(f"{method}: {error.details()}")
for name in ("stdout", "stderr"):
    if name in result:
        result[name] = base64.b64decode(result[name]).decode()
print(json.dumps(result))
