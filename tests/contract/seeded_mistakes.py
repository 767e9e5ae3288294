"""Seed mistakes in the Stripe gateway, one at a time, and make sure that the contract finds each.

Run it by hand, after the gateway or the contract has changed: ``python -m
tests.contract.seeded_mistakes [a part of a name]``. Each mistake is made in a copy of the package;
only the quick tests of the rules that it breaks are run.
"""

from __future__ import annotations

import importlib
import os
import shutil
import sys
import tempfile
from contextlib import redirect_stdout
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
STRIPE = "gateways/stripe"
# What takes long to import is imported once: each mistake is then tried in a fork.
HEAVY = ("alembic", "fsspec", "jsonschema", "packaging", "pydantic", "sqlalchemy", "stripe")


class Mistake(NamedTuple):
    """What is wrong, where, what stands there, what is put there, and the rules that it breaks."""

    name: str
    file: str
    right: str
    wrong: str
    tests: str


MISTAKES = (
    Mistake(
        "a checkout has a key of its own each time",
        f"{STRIPE}/gateway.py",
        'create(params, {"idempotency_key": key}),\n            "checkout"',
        'create(params, {"idempotency_key": f"{key}{id(params)}"}),\n            "checkout"',
        "test_06 or test_09",
    ),
    Mistake(
        "a refund has no key",
        f"{STRIPE}/gateway.py",
        'refunds.create(params, {"idempotency_key": key})',
        "refunds.create(params)",
        "test_10 or test_22",
    ),
    Mistake(
        "a repeat asks for something else",
        f"{STRIPE}/requests.py",
        '"cancel_url": request.cancel_url,',
        '"cancel_url": request.cancel_url + "?n=" + __import__("secrets").token_hex(4),',
        "test_06",
    ),
    Mistake(
        "unpaid is taken as paid",
        f"{STRIPE}/states.py",
        'if status in ("paid", "no_payment_required"):',
        'if status in ("paid", "no_payment_required", "unpaid"):',
        "test_17 or test_18",
    ),
    Mistake(
        "what was captured is what was asked",
        f"{STRIPE}/snapshots.py",
        "captured = total if intent is None else _captured(intent)",
        "captured = total",
        "test_17 or test_36",
    ),
    Mistake(
        "a declined card ends the checkout",
        f"{STRIPE}/states.py",
        '        case "open":\n            return PayState.OPEN',
        '        case "open":\n'
        '            intent = session.get("payment_intent") or {}\n'
        '            error = intent.get("last_payment_error")\n'
        "            return PayState.FAILED if error else PayState.OPEN",
        "test_18",
    ),
    Mistake(
        "a delayed failure is still on its way",
        f"{STRIPE}/states.py",
        '"requires_payment_method": PayState.FAILED',
        '"requires_payment_method": PayState.PENDING',
        "test_18",
    ),
    Mistake(
        "a refund is told twice",
        f"{STRIPE}/snapshots.py",
        "for one in refunds),",
        "for one in [*refunds, *refunds]),",
        "test_22 or test_25",
    ),
    Mistake(
        "a refund that failed has succeeded",
        f"{STRIPE}/states.py",
        '"failed": RefundState.FAILED',
        '"failed": RefundState.SUCCEEDED',
        "test_22",
    ),
    Mistake(
        "a refund does not bear our reference",
        f"{STRIPE}/requests.py",
        '        "metadata": marks(namespace, request.reference),\n    }\n    return params |',
        "    }\n    return params |",
        "test_22 or test_25",
    ),
    Mistake(
        "only the first page of refunds is read",
        f"{STRIPE}/client.py",
        'if not page["has_more"] or not page["data"]:',
        "if page:",
        "test_25",
    ),
    Mistake(
        "retries are off",
        f"{STRIPE}/client.py",
        "max_network_retries=self._retries",
        "max_network_retries=0",
        "test_11",
    ),
    Mistake(
        "there is no deadline",
        f"{STRIPE}/client.py",
        "RequestsClient(timeout=self._timeout)",
        "RequestsClient()",
        "test_04 and fetch",
    ),
    Mistake(
        "the key is in the repr",
        f"{STRIPE}/gateway.py",
        'return f"StripeGateway({self._profile.name!r}, ',
        'return f"StripeGateway({self._client._api_key!r}, ',
        "test_33",
    ),
    Mistake(
        "the secrets are in the refusal of one",
        "gateways/signing.py",
        "raise ConfigError(wanted)",
        'raise ConfigError(f"{wanted}: {known}")',
        "test_33",
    ),
    Mistake(
        "the SDK's exception comes along",
        f"{STRIPE}/client.py",
        "raise translate(refused, about, ref)",
        "raise translate(refused, about, ref) from refused",
        "test_02",
    ),
    Mistake(
        "the tolerance has one side",
        "gateways/signing.py",
        "if abs(int(now.timestamp()) - int(sent)) > self._tolerance:",
        "if int(now.timestamp()) - int(sent) > self._tolerance:",
        "test_27",
    ),
    Mistake(
        "any signature will do",
        "gateways/signing.py",
        "if not any(matches):",
        "if not matches:",
        "test_27",
    ),
    Mistake(
        "only the newest secret is believed",
        "gateways/signing.py",
        "digestmod=hashlib.sha256) for one in known)",
        "digestmod=hashlib.sha256) for one in known[:1])",
        "test_28",
    ),
    Mistake(
        "a blank secret is a secret",
        f"{STRIPE}/settings.py",
        "return _SECRET.fullmatch(secret) is not None",
        "return True",
        "test_26",
    ),
    Mistake(
        "any tolerance will do",
        "gateways/signing.py",
        "if type(tolerance) is not int or not 1 <= tolerance <= _LONGEST_TOLERANCE:",
        "if type(tolerance) is not int:",
        "test_26",
    ),
    Mistake(
        "the name of a header has one case",
        "gateways/signing.py",
        "if name.lower() == self._lower]",
        "if name == self._header]",
        "test_27",
    ),
    Mistake(
        "signed junk is a KeyError",
        f"{STRIPE}/events.py",
        'data = event.get("data")',
        'data = event["data"]',
        "test_29",
    ),
    Mistake(
        "the rate limit is an outage",
        f"{STRIPE}/errors.py",
        'if status == _TOO_MANY or code == "rate_limit":',
        'if code == "":',
        "test_12",
    ),
    Mistake(
        "a wrong key is a no",
        f"{STRIPE}/errors.py",
        "if status in {401, 403}:",
        "if status == 401:",
        "test_12",
    ),
    Mistake(
        "no answer is a no",
        f"{STRIPE}/errors.py",
        "        return _unavailable(refusal)\n    if status ==",
        '        return GatewayRejected("no")\n    if status ==',
        "test_09 or test_12",
    ),
    Mistake(
        "a key with another request is a no",
        f"{STRIPE}/errors.py",
        'if refusal.type == "idempotency_error":',
        'if refusal.type == "idempotency":',
        "test_07 or test_22",
    ),
    Mistake(
        "disputed money is a no without a reason",
        f"{STRIPE}/errors.py",
        '    "charge_disputed": "in_dispute",\n',
        "",
        "test_23",
    ),
    Mistake(
        "more than is left is a no without a reason",
        f"{STRIPE}/errors.py",
        'param == "amount" and about == "refund"',
        'param == "amount" and about == "refunds"',
        "test_22",
    ),
    Mistake(
        "disputes are not read",
        f"{STRIPE}/snapshots.py",
        "tuple(dispute_snapshot(one) for one in disputes)",
        "()",
        "test_19",
    ),
    Mistake(
        "a prevented dispute is closed",
        f"{STRIPE}/states.py",
        '"prevented": DisputeState.PREVENTED',
        '"prevented": DisputeState.CLOSED',
        "test_19",
    ),
    Mistake(
        "an unknown state of a dispute is won",
        f"{STRIPE}/states.py",
        '"status of a dispute", DisputeState.OPEN',
        '"status of a dispute", DisputeState.WON',
        "test_13",
    ),
    Mistake(
        "an unknown payment status is paid",
        f"{STRIPE}/states.py",
        '"payment_status of a session", status, PayState.PENDING',
        '"payment_status of a session", status, PayState.PAID',
        "test_13",
    ),
    Mistake(
        "one currency has other decimals on the wire",
        f"{STRIPE}/money.py",
        '0: "BIF CLP DJF',
        '0: "BIF DJF',
        "test_31",
    ),
    Mistake(
        "three decimals have no step",
        f"{STRIPE}/money.py",
        "dict.fromkeys(_WIRE_CODES[3].split(), 10)",
        "{}",
        "test_31",
    ),
    Mistake(
        "amounts are not checked before they are sent",
        f"{STRIPE}/gateway.py",
        '        check_amount("Stripe", request.total, self._profile.money)\n',
        "",
        "test_08",
    ),
    Mistake(
        "all is ours",
        f"{STRIPE}/names.py",
        "        return unmarked\n    return Whose.OURS if mark == namespace else Whose.FOREIGN",
        "        return Whose.OURS\n    return Whose.OURS",
        "test_30",
    ),
    Mistake(
        "the mode of an event is not read",
        f"{STRIPE}/events.py",
        'livemode=_flag(event.get("livemode"))',
        "livemode=False",
        "test_30",
    ),
    Mistake(
        "the payment does not bear our marks",
        f"{STRIPE}/requests.py",
        '        "payment_intent_data": {"metadata": metadata},  # Stripe does not copy it\n',
        "",
        "test_27",
    ),
    Mistake(
        "poll reads one page",
        f"{STRIPE}/gateway.py",
        'more = page["has_more"] and page["data"]',
        "more = False",
        "test_32",
    ),
    Mistake(
        "poll reads sessions alone",
        f"{STRIPE}/gateway.py",
        '"events:" if cursor is None else cursor',
        '"sessions:" if cursor is None else cursor',
        "test_32",
    ),
    Mistake(
        "what has ended cannot be ended again",
        f"{STRIPE}/gateway.py",
        "        except GatewayRejected:\n            snapshot",
        "        except ZeroDivisionError:\n            snapshot",
        "test_20",
    ),
    Mistake(
        "the way back is believed",
        f"{STRIPE}/gateway.py",
        "        return await self.fetch(CheckoutRef(checkout_id))\n\n    async def expire",
        "        told = await self.fetch(CheckoutRef(checkout_id))\n"
        '        if params.get("payment_status") == "paid":\n'
        '            object.__setattr__(told, "state", PayState.PAID)\n'
        "        return told\n\n    async def expire",
        "test_21",
    ),
    Mistake(
        "a payment leads to any checkout",
        f"{STRIPE}/gateway.py",
        '{"payment_intent": ref.id, "expand": _listed(_EXPANDED)}',
        '{"expand": _listed(_EXPANDED)}',
        "test_05",
    ),
    Mistake(
        "tax is taken off what was captured",
        f"{STRIPE}/snapshots.py",
        "captured = total if intent is None else _captured(intent)",
        "captured = _captured(intent) - (_tax(session) or _captured(intent) * 0)",
        "test_36",
    ),
    Mistake(
        "the SDK is imported at once",
        f"{STRIPE}/client.py",
        "from packaging.version import Version\n",
        "from packaging.version import Version\nimport stripe\n",
        "test_03",
    ),
)


def is_found(mistake: Mistake | None) -> tuple[bool, str]:
    """Run the tests that *mistake* concerns, or all of those if there is none."""
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder, "digistore")
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "src" / "digistore", package, ignore=ignored)
        if mistake is not None:
            path = package / mistake.file
            text = path.read_text(encoding="utf-8")
            if text.count(mistake.right) != 1:
                sys.exit(f"{mistake.name}: {mistake.file} does not say so once: {mistake.right!r}")
            path.write_text(text.replace(mistake.right, mistake.wrong), encoding="utf-8")
        tests = " or ".join(f"({one.tests})" for one in ([mistake] if mistake else MISTAKES))
        child = os.fork()
        if child == 0:
            os._exit(_run(folder, f"TestStripe and ({tests})"))
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        failed = Path(folder, "failed").read_text(encoding="utf-8").splitlines()
    if status not in {0, 1}:
        sys.exit(f"pytest ended with {status}: its own words are above")
    return status == 1, ", ".join(failed)


class _Watch:
    """Leaves out what needs a whole shop, and keeps the names of the tests that failed."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def pytest_collection_modifyitems(self, items: list[pytest.Function]) -> None:
        items[:] = [item for item in items if "shop" not in item.fixturenames]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.names.append(report.nodeid.rpartition("::")[2])


def _run(folder: str, tests: str) -> int:
    sys.path.insert(0, folder)
    os.environ["PYTHONPATH"] = folder
    watch = _Watch()
    options = ["-q", "-x", "--tb=no", "-r", "N", "-p", "no:cacheprovider", "--no-header"]
    # The SDK has imported packages that are plugins of pytest as well.
    options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
    with Path(folder, "output").open("w") as output, redirect_stdout(output):
        status = pytest.main(["tests/contract/test_gateways.py", *options, "-k", tests], [watch])
    if status not in {0, 1}:
        sys.stderr.write(Path(folder, "output").read_text(encoding="utf-8"))
    Path(folder, "failed").write_text("\n".join(watch.names), encoding="utf-8")
    return int(status)


def main(wanted: str = "") -> int:
    """Seed each mistake whose name has *wanted* in it, and say what found it; first of all none."""
    os.chdir(ROOT)
    for package in HEAVY:
        importlib.import_module(package)
    found, by = (False, "") if wanted else is_found(None)
    if found:
        print(f"a gateway without a mistake is refused: {by}")  # noqa: T201
        return 1
    missed = 0
    for mistake in MISTAKES:
        if wanted in mistake.name:
            found, by = is_found(mistake)
            missed += not found
            print(f"{'found ' if found else 'MISSED'} {mistake.name}: {by}", flush=True)  # noqa: T201
    print(f"{missed} missed of those {len(MISTAKES)}")  # noqa: T201
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
