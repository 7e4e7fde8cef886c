"""Makes up CloudTrail deliveries of realistic variety: 340,000 events of 1 to 2 kB are 500 MB unpacked. Same seed, same files.

Principals have habits: each makes a few of the calls, mostly about a few things, and some are much busier than others. Objects in
S3, instances and sessions are mostly new ones. With --even everybody does everything to everything, which makes the most rows.

usage: generate.py OUT [--events N] [--seed S] [--accounts N] [--days N] [--roles N] [--even] [--file-events N]
"""

import argparse
import gzip
import itertools
import os
import random
from datetime import datetime, timedelta, timezone

REGIONS = ["us-east-1", "eu-west-1", "eu-central-1", "us-west-2", "ap-southeast-2"]
# source, name, readOnly, share, request, resources, response
CALLS = [
    ("s3", "GetObject", True, 14, '{{"bucketName":"data-{t}","Host":"data-{t}.s3.{r}.amazonaws.com","key":"raw/year=2026/month=10/part-{u}.snappy.parquet","x-id":"GetObject"}}',
     '[{{"type":"AWS::S3::Object","ARN":"arn:aws:s3:::data-{t}/raw/year=2026/month=10/part-{u}.snappy.parquet"}},{{"accountId":"{a}","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::data-{t}"}}]', "null"),
    ("s3", "PutObject", False, 5, '{{"bucketName":"logs-{t}","Host":"logs-{t}.s3.{r}.amazonaws.com","key":"app/{u}.gz","x-amz-acl":"bucket-owner-full-control"}}',
     '[{{"type":"AWS::S3::Object","ARN":"arn:aws:s3:::logs-{t}/app/{u}.gz"}},{{"accountId":"{a}","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::logs-{t}"}}]',
     '{{"x-amz-server-side-encryption":"aws:kms","x-amz-server-side-encryption-aws-kms-key-id":"arn:aws:kms:{r}:{a}:key/{t:08d}-1111-4222-8333-444455556666"}}'),
    ("kms", "Decrypt", True, 12, '{{"encryptionContext":{{"aws:s3:arn":"arn:aws:s3:::data-{t}"}},"encryptionAlgorithm":"SYMMETRIC_DEFAULT"}}',
     '[{{"accountId":"{a}","type":"AWS::KMS::Key","ARN":"arn:aws:kms:{r}:{a}:key/{t:08d}-1111-4222-8333-444455556666"}}]', "null"),
    ("kms", "GenerateDataKey", True, 5, '{{"keySpec":"AES_256","encryptionContext":{{"aws:lambda:FunctionArn":"arn:aws:lambda:{r}:{a}:function:fn-{t}"}},"keyId":"arn:aws:kms:{r}:{a}:key/{t:08d}-1111-4222-8333-444455556666"}}',
     '[{{"accountId":"{a}","type":"AWS::KMS::Key","ARN":"arn:aws:kms:{r}:{a}:key/{t:08d}-1111-4222-8333-444455556666"}}]', "null"),
    ("sts", "AssumeRole", True, 13, '{{"roleArn":"arn:aws:iam::{a}:role/service/role-{t}","roleSessionName":"session-{u}","durationSeconds":3600,"tags":[{{"key":"team","value":"t{t}"}}]}}',
     '[{{"accountId":"{a}","type":"AWS::IAM::Role","ARN":"arn:aws:iam::{a}:role/service/role-{t}"}}]',
     '{{"credentials":{{"accessKeyId":"ASIAEXAMPLE{t:09d}","sessionToken":"{long}","expiration":"Oct 12, 2026, 9:05:08 PM"}},"assumedRoleUser":{{"assumedRoleId":"AROAEXAMPLE{t:010d}:session-{u}","arn":"arn:aws:sts::{a}:assumed-role/role-{t}/session-{u}"}}}}'),
    ("ec2", "DescribeInstances", True, 9, '{{"instancesSet":{{"items":[{{"instanceId":"i-{u}"}},{{"instanceId":"i-{t:017d}"}}]}},"filterSet":{{"items":[{{"name":"tag:Name","valueSet":{{"items":[{{"value":"web-{t}"}}]}}}}]}}}}', None, "null"),
    ("ec2", "DescribeVolumes", True, 4, '{{"maxResults":500,"volumeSet":{{}},"filterSet":{{"items":[{{"name":"attachment.instance-id","valueSet":{{"items":[{{"value":"i-{u}"}}]}}}}]}}}}', None, "null"),
    ("ec2", "RunInstances", False, 1, '{{"instancesSet":{{"items":[{{"imageId":"ami-{t:017d}","minCount":1,"maxCount":1}}]}},"instanceType":"m7g.large","subnetId":"subnet-{t:017d}","tagSpecificationSet":{{"items":[{{"resourceType":"instance","tags":[{{"key":"Name","value":"web-{t}"}}]}}]}},"iamInstanceProfile":{{"name":"profile-{t}"}}}}', None,
     '{{"requestId":"{u}","reservationId":"r-{u}","instancesSet":{{"items":[{{"instanceId":"i-{u}","imageId":"ami-{t:017d}","instanceState":{{"code":0,"name":"pending"}},"privateDnsName":"ip-10-0-0-{t}.ec2.internal","networkInterfaceSet":{{"items":[{{"networkInterfaceId":"eni-{u}","subnetId":"subnet-{t:017d}","macAddress":"0a:58:a9:fe:ac:02","privateIpAddress":"10.0.1.{t}"}}]}},"rootDeviceName":"/dev/xvda"}}]}}}}'),
    ("dynamodb", "GetItem", True, 6, '{{"tableName":"orders-{t}","key":{{"pk":"HIDDEN","sk":"HIDDEN"}},"consistentRead":false}}',
     '[{{"accountId":"{a}","type":"AWS::DynamoDB::Table","ARN":"arn:aws:dynamodb:{r}:{a}:table/orders-{t}"}}]', "null"),
    ("dynamodb", "DescribeTable", True, 3, '{{"tableName":"orders-{t}"}}', '[{{"accountId":"{a}","type":"AWS::DynamoDB::Table","ARN":"arn:aws:dynamodb:{r}:{a}:table/orders-{t}"}}]', "null"),
    ("lambda", "Invoke", False, 5, '{{"functionName":"fn-{t}","invocationType":"Event","sourceArn":"arn:aws:events:{r}:{a}:rule/every-minute-{t}"}}',
     '[{{"accountId":"{a}","type":"AWS::Lambda::Function","ARN":"arn:aws:lambda:{r}:{a}:function:fn-{t}"}}]', "null"),
    ("lambda", "GetFunctionConfiguration20150331v2", True, 2, '{{"functionName":"fn-{t}"}}', None, "null"),
    ("logs", "CreateLogStream", False, 6, '{{"logGroupName":"/aws/lambda/fn-{t}","logStreamName":"2026/10/12/[$LATEST]{u}"}}', None, "null"),
    ("logs", "DescribeLogGroups", True, 2, '{{"logGroupNamePrefix":"/aws/ecs/{t}","limit":50}}', None, "null"),
    ("iam", "GetRole", True, 3, '{{"roleName":"role-{t}"}}', None, "null"),
    ("iam", "ListAttachedRolePolicies", True, 2, '{{"roleName":"role-{t}","maxItems":100}}', None, "null"),
    ("ssm", "UpdateInstanceInformation", False, 4, '{{"instanceId":"i-{u}","agentVersion":"3.3.987.0","agentStatus":"Active","platformType":"Linux","platformName":"Amazon Linux","platformVersion":"2023","iPAddress":"10.0.3.{t}","computerName":"ip-10-0-3-{t}.ec2.internal","agentName":"amazon-ssm-agent","availabilityZone":"{r}a"}}', None, "null"),
    ("secretsmanager", "GetSecretValue", True, 2, '{{"secretId":"arn:aws:secretsmanager:{r}:{a}:secret:prod/db-{t}-AbCdEf"}}', None, "null"),
    ("sqs", "ReceiveMessage", True, 2, '{{"queueUrl":"https://sqs.{r}.amazonaws.com/{a}/jobs-{t}","maxNumberOfMessages":10,"waitTimeSeconds":20}}',
     '[{{"accountId":"{a}","type":"AWS::SQS::Queue","ARN":"arn:aws:sqs:{r}:{a}:jobs-{t}"}}]', "null"),
]
AGENTS = [
    "aws-sdk-java/2.29.20 md/io#async md/http#NettyNio ua/2.1 os/Linux lang/java#21.0.5",
    "Boto3/1.35.54 md/Botocore#1.35.54 ua/2.0 os/linux exec-env/AWS_Lambda_python3.12",
    "APN/1.0 HashiCorp/1.0 Terraform/1.9.8 terraform-provider-aws/5.75.0 aws-sdk-go-v2/1.32.4 ua/2.1 os/linux lang/go#1.23.3",
    "lambda.amazonaws.com", "eks.amazonaws.com", "aws-cli/2.19.1 ua/2.0 os/linux#6.8.0 lang/python#3.12.6 md/installer#exe md/command#ec2.describe-instances",
]


def uuid(rng):
    bits = rng.getrandbits(128)
    text = f"{bits:032x}"
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"


def identity(rng, account, number):
    kind = number % 100 / 100  # what a principal is stays the same
    if kind < 0.06:
        service = rng.choice(["ec2", "lambda", "cloudtrail", "autoscaling"]) + ".amazonaws.com"
        return f'{{"type":"AWSService","invokedBy":"{service}"}}'
    if kind < 0.12:
        return (f'{{"type":"IAMUser","principalId":"AIDAEXAMPLE{number:010d}","arn":"arn:aws:iam::{account}:user/people/user-{number}",'
                f'"accountId":"{account}","accessKeyId":"AKIAEXAMPLE{number:09d}","userName":"user-{number}"}}')
    session = f"{rng.getrandbits(68):017x}" if kind < 0.6 else f"fn-{number}"
    return (f'{{"type":"AssumedRole","principalId":"AROAEXAMPLE{number:010d}:{session}","arn":"arn:aws:sts::{account}:assumed-role/role-{number}/{session}",'
            f'"accountId":"{account}","accessKeyId":"ASIAEXAMPLE{number:09d}","sessionContext":{{"sessionIssuer":{{"type":"Role","principalId":"AROAEXAMPLE{number:010d}",'
            f'"arn":"arn:aws:iam::{account}:role/service/role-{number}","accountId":"{account}","userName":"role-{number}"}},"attributes":{{"creationDate":"2026-10-12T07:02:11Z",'
            f'"mfaAuthenticated":"false"}},"ec2RoleDelivery":"2.0"}}}}')


def habits(rng, roles, even):
    """Calls and things of each principal, and how busy it is."""
    if even:
        return [(DECK, range(60)) for _ in range(roles)], [1] * roles
    own = [(rng.choices(DECK, k=rng.randint(2, 9)), rng.choices(range(60), k=rng.randint(1, 5)) * 8 + [rng.randrange(60)]) for _ in range(roles)]
    return own, [1 / (place + 1) for place in range(roles)]


def record(rng, account, region, time, who, long):
    people, weights = who
    number = rng.choices(range(len(people)), cum_weights=weights)[0]
    deck, things = people[number]
    source, name, reads, _, request, resources, response = rng.choice(deck)
    values = {"t": rng.choice(things), "u": f"{rng.getrandbits(64):016x}", "r": region, "a": account, "long": long}
    data = name in ("GetObject", "PutObject", "GetItem", "Invoke", "ReceiveMessage")
    error = ""
    chance = rng.random()
    if chance < 0.02:
        code = "Client.UnauthorizedOperation" if source == "ec2" else "AccessDenied"
        error = (f'"errorCode":"{code}","errorMessage":"User: arn:aws:sts::{account}:assumed-role/role-1/x is not authorized to perform: '
                 f'{source}:{name} because no identity-based policy allows the {source}:{name} action",')
    elif chance < 0.03:
        error = '"errorCode":"ThrottlingException","errorMessage":"Rate exceeded",'
    listed = f'"resources":{resources.format(**values)},' if resources else ""
    return (f'{{"eventVersion":"1.11","userIdentity":{identity(rng, account, number)},"eventTime":"{time:%Y-%m-%dT%H:%M:%SZ}","eventSource":"{source}.amazonaws.com",'
            f'"eventName":"{name}","awsRegion":"{region}","sourceIPAddress":"10.{rng.randrange(256)}.{rng.randrange(256)}.{rng.randrange(256)}","userAgent":"[{rng.choice(AGENTS)}]",{error}'
            f'"requestParameters":{request.format(**values)},"responseElements":{response.format(**values)},"additionalEventData":{{"SignatureVersion":"SigV4",'
            f'"CipherSuite":"TLS_AES_128_GCM_SHA256","bytesTransferredIn":0,"AuthenticationMethod":"AuthHeader","x-amz-id-2":"{rng.getrandbits(240):060x}","bytesTransferredOut":{rng.randrange(99999)}}},'
            f'"requestID":"{uuid(rng)}","eventID":"{uuid(rng)}","readOnly":{str(reads).lower()},{listed}"eventType":"AwsApiCall","managementEvent":{str(not data).lower()},'
            f'"recipientAccountId":"{account}","eventCategory":"{"Data" if data else "Management"}","tlsDetails":{{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256",'
            f'"clientProvidedHostHeader":"{source}.{region}.amazonaws.com"}}}}')


DECK = [call for call in CALLS for _ in range(call[3])]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    parser.add_argument("--events", type=int, default=340_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--accounts", type=int, default=8)
    parser.add_argument("--days", type=int, default=10)
    parser.add_argument("--roles", type=int, default=300)
    parser.add_argument("--even", action="store_true")
    parser.add_argument("--file-events", type=int, default=1500)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    long = "IQoJb3JpZ2luX2VjE" + "Zm9vYmFy/+" * 20
    people, weights = habits(rng, arguments.roles, arguments.even)
    who = people, list(itertools.accumulate(weights))
    start = datetime(2026, 10, 1, tzinfo=timezone.utc)
    files = max(1, -(-arguments.events // arguments.file_events))
    made = size = 0
    for number in range(files):
        account = f"{111_122_220_000 + number % arguments.accounts:012d}"
        region = REGIONS[number // arguments.accounts % len(REGIONS)]
        at = start + timedelta(seconds=number * arguments.days * 86_400 / files)
        count = min(arguments.file_events, arguments.events - made)
        records = [record(rng, account, region, at + timedelta(seconds=rng.randrange(300)), who, long) for _ in range(count)]
        if number % 50 == 49:
            records.append(records[0])  # delivered twice
        text = ('{"Records":[' + ",".join(records) + "]}").encode()
        made, size = made + count, size + len(text)
        folder = f"{arguments.out}/AWSLogs/{account}/CloudTrail/{region}/{at:%Y/%m/%d}"
        os.makedirs(folder, exist_ok=True)
        name = f"{account}_CloudTrail_{region}_{at + timedelta(minutes=5):%Y%m%dT%H%MZ}_{rng.getrandbits(64):016x}.json.gz"
        with open(f"{folder}/{name}", "wb") as file:
            file.write(gzip.compress(text, 6, mtime=0))
    print(f"{files} files, {made} events, {size / 1e6:.0f} MB unpacked, {size // max(made, 1)} bytes an event")


main()
