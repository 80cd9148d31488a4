"""A store that speaks S3, for tests: `moto` on loopback, with a bucket and a key that may put and get objects and nothing else.

Prints one line of JSON (port, access_key, secret) when it serves. A line on standard input names a directory into which all objects are
written, and is answered by their names. It ends with its standard input.
"""

import json
import sys
from pathlib import Path

import boto3
from moto import settings
from moto.server import ThreadedMotoServer

BUCKET = "yumen-log"


def user(iam, name, actions):
    iam.create_user(UserName=name)
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}
    iam.put_user_policy(UserName=name, PolicyName=name, PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}


def main():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = {"endpoint_url": f"http://{host}:{port}", "region_name": "us-east-1"}
    nobody = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}
    boto3.client("s3", **address, **nobody).create_bucket(Bucket=BUCKET)
    iam = boto3.client("iam", **address, **nobody)
    gateway = user(iam, "gateway", ["s3:PutObject", "s3:GetObject"])
    auditor = boto3.client("s3", **address, **user(iam, "auditor", ["s3:GetObject", "s3:ListBucket"]))
    # From now on keys, signatures and permissions are checked.
    settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
    print(json.dumps({"port": port, "access_key": gateway["aws_access_key_id"], "secret": gateway["aws_secret_access_key"]}), flush=True)
    for line in sys.stdin:
        names = [found["Key"] for found in auditor.list_objects_v2(Bucket=BUCKET).get("Contents", [])]
        for name in names:
            file = Path(line.strip()) / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(auditor.get_object(Bucket=BUCKET, Key=name)["Body"].read())
        print(json.dumps(names), flush=True)
    server.stop()


main()
