"""The functions that expressions may call, with the numbers of arguments they take.

From Microsoft's "Reference guide to functions in expressions for Azure Logic Apps", without those of EDI and agents.
"""

ANY = 1000  # no upper bound

FUNCTIONS: dict[str, tuple[int, int]] = {
    # strings
    "chunk": (2, 2), "concat": (1, ANY), "endsWith": (2, 2), "formatNumber": (2, 3), "guid": (0, 1), "indexOf": (2, 2),
    "isFloat": (1, 2), "isInt": (1, 1), "lastIndexOf": (2, 2), "length": (1, 1), "nthIndexOf": (3, 3),
    "replace": (3, 3), "slice": (2, 3), "split": (2, 2), "startsWith": (2, 2), "substring": (2, 3), "toLower": (1, 1),
    "toUpper": (1, 1),
    "trim": (1, 1),
    # collections
    "contains": (2, 2), "empty": (1, 1), "first": (1, 1), "intersection": (2, ANY), "item": (0, 0), "join": (2, 2),
    "last": (1, 1), "reverse": (1, 1), "skip": (2, 2), "sort": (1, 2), "take": (2, 2), "union": (2, ANY),
    # logic
    "and": (1, ANY), "equals": (2, 2), "greater": (2, 2), "greaterOrEquals": (2, 2), "if": (3, 3), "less": (2, 2),
    "lessOrEquals": (2, 2), "not": (1, 1), "or": (1, ANY),
    # conversion
    "array": (1, 1), "base64": (1, 1), "base64ToBinary": (1, 1), "base64ToString": (1, 1), "binary": (1, 1),
    "bool": (1, 1), "coalesce": (1, ANY), "createArray": (1, ANY), "dataUri": (1, 1), "dataUriToBinary": (1, 1),
    "dataUriToString": (1, 1), "decimal": (1, 1), "decodeBase64": (1, 1), "decodeDataUri": (1, 1),
    "decodeUriComponent": (1, 1), "encodeURIComponent": (1, 1), "encodeUriComponent": (1, 1), "float": (1, 2),
    "int": (1, 1), "json": (1, 1), "string": (1, 1), "uriComponent": (1, 1), "uriComponentToBinary": (1, 1),
    "uriComponentToString": (1, 1),
    # numbers
    "add": (2, 2), "div": (2, 2), "max": (1, ANY), "min": (1, ANY), "mod": (2, 2), "mul": (2, 2), "rand": (2, 2),
    "range": (2, 2), "sub": (2, 2),
    # dates
    "addDays": (2, 3), "addHours": (2, 3), "addMinutes": (2, 3), "addSeconds": (2, 3), "addToTime": (3, 4),
    "convertFromUtc": (2, 3), "convertTimeZone": (3, 4), "convertToUtc": (2, 3), "dateDifference": (2, 2),
    "dayOfMonth": (1, 1), "dayOfWeek": (1, 1), "dayOfYear": (1, 1), "formatDateTime": (1, 3), "getFutureTime": (2, 3),
    "getPastTime": (2, 3), "parseDateTime": (1, 3), "startOfDay": (1, 2), "startOfHour": (1, 2), "startOfMonth": (1, 2),
    "subtractFromTime": (3, 4), "ticks": (1, 1), "utcNow": (0, 1),
    # workflow
    "action": (0, 0), "actions": (1, 1), "body": (1, 1), "items": (1, 1), "iterationIndexes": (1, 1),
    "listCallbackUrl": (0, 0), "outputs": (1, 1), "parameters": (1, 1), "result": (1, 1), "trigger": (0, 0),
    "triggerBody": (0, 0), "triggerFormDataValue": (1, 1), "triggerOutputs": (0, 0), "variables": (1, 1),
    "workflow": (0, 0),
    # addresses and objects
    "addProperty": (3, 3), "removeProperty": (2, 2), "setProperty": (3, 3), "uriHost": (1, 1), "uriPath": (1, 1),
    "uriPathAndQuery": (1, 1), "uriPort": (1, 1), "uriQuery": (1, 1), "uriScheme": (1, 1),
    "xpath": (2, 2), "xml": (1, 1),
}  # fmt: skip
