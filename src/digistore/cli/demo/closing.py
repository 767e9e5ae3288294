"""The last chapters: the seller's day in figures, and every promise checked."""

from __future__ import annotations

from digistore.analytics import Period
from digistore.cli.demo.stage import Stage


def sellers_day(stage: Stage) -> None:
    """Show what the day has brought, and compare it with what the bank says."""
    store, tell = stage.store, stage.tell
    today = Period(stage.began.date(), stage.now().date())
    overview = store.analytics.overview(stage.sam, today)
    figures = overview.revenue[0]
    rows = [
        ("products", str(figures.orders), str(figures.gross)),
        ("support", str(figures.support_orders), str(figures.support_gross)),
        ("refunds", "", str(-figures.refunded)),
        ("net", "", str(figures.net)),
    ]
    tell.table(rows, ("Sam's day", "orders", "money"))
    tell.say("")
    tell.chart(
        [
            ("products", figures.gross.amount, str(figures.gross)),
            ("support", figures.support_gross.amount, str(figures.support_gross)),
            ("refunds", figures.refunded.amount, str(-figures.refunded)),
            ("net", figures.net.amount, str(figures.net)),
        ]
    )
    tell.fact("downloads", overview.downloads)
    at_gateway, by_transfer = stage.kept(figures.currency)
    tell.fact("the bank", f"{at_gateway} through the gateway, {by_transfer} by transfer")
    tell.claim(
        at_gateway + by_transfer == figures.net,
        "the figures are what the bank has kept, to the cent",
    )


def promises_hold(stage: Stage) -> None:
    """Let the doctor check the database, and read all files again."""
    store, tell = stage.store, stage.tell
    stage.run_due()
    report = store.doctor()
    tell.say("The doctor reads the whole database and looks for anything that cannot be.")
    tell.fact("checked", f"{len(report.checked)} invariants: {', '.join(report.checked)}")
    tell.fact("findings", len(report.findings))
    tell.claim(report.healthy, "every promise that can be checked is kept")
    files = store.files.verify()
    tell.claim(
        files.intact, f"all {files.checked} stored files are, byte for byte, what was published"
    )
    waiting = store.payments.needing_action(stage.olga)
    tell.claim(not waiting, "no money waits for somebody to decide")
