#!/usr/bin/env python3
"""Sends the counter-example of each rule to a Bedrock-compatible endpoint through boto3, which must raise its own
ValidationException with the service's sentence. Usage: counter_examples.py --examples FILE --endpoint URL"""
import argparse, base64, json, sys

import boto3
from botocore.config import Config

args = argparse.ArgumentParser()
args.add_argument("--examples", required=True)
args.add_argument("--endpoint")
args.add_argument("--write-catalog", metavar="FILE", help="write the facts that the examples assume, for the endpoint's --catalog, and end")
args = args.parse_args()
examples = json.load(open(args.examples))
# boto3 cannot send these: it has no such member in this operation, or in any
examples = [example for example in examples if example["rule"] not in ("R-STREAM-MODE", "R-REASONING")]


def model(place, example):
    """The model's id; where facts are assumed, an inference profile of our own that has them."""
    if "profile" in example and example["rule"] != "R-ON-DEMAND":
        return f"arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/example{place}"
    return example["model"]


def toml(value):
    """JSON as an inline value of TOML."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{k} = {toml(v)}" for k, v in value.items()) + " }"
    return json.dumps(value)


if args.write_catalog:
    with open(args.write_catalog, "w") as catalog:
        for place, example in enumerate(examples):
            if (id := model(place, example)) != example["model"]:
                facts = {"base_model": example["model"], **example["profile"]}
                catalog.write(f'[models."{id}"]\n' + "".join(f"{k} = {toml(v)}\n" for k, v in facts.items()))
    sys.exit()

# boto3's own checks are off: the endpoint is to refuse
config = Config(retries={"total_max_attempts": 1}, read_timeout=20, parameter_validation=False)
rt = boto3.client("bedrock-runtime", endpoint_url=args.endpoint, region_name="us-east-1", config=config,
                  aws_access_key_id="AKIALOCAL", aws_secret_access_key="local")


def blobs(value):
    """Bytes as boto3 takes them: raw, where JSON has base64."""
    if isinstance(value, dict):
        return {k: base64.b64decode(v) if k == "bytes" and isinstance(v, str) else blobs(v) for k, v in value.items()}
    return [blobs(v) for v in value] if isinstance(value, list) else value


def send(place, example):
    body = {k: v for k, v in example["request"].items() if k != "modelId"}
    call = {"Converse": rt.converse, "ConverseStream": rt.converse_stream, "CountTokens": rt.count_tokens}[example["operation"]]
    call(modelId=model(place, example), **blobs(body))


passed = failed = 0
for place, example in enumerate(examples):
    name = example["rule"]
    try:
        send(place, example)
        why = "it was accepted"
    except rt.exceptions.ValidationException as e:
        status, said = e.response["ResponseMetadata"]["HTTPStatusCode"], e.response["Error"]["Message"]
        wanted = example.get("says")
        why = None if status == 400 and said and (wanted is None or said == wanted) else f"{status} {said}"
    except Exception as e:
        why = f"{type(e).__name__}: {e}"
    passed, failed = passed + (why is None), failed + (why is not None)
    print(f"FAIL  {name}: {why}" if why else f"ok    {name}")
print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed else 0)
