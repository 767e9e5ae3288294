"""The last two chapters: the seller's day in figures, and every promise checked."""

from __future__ import annotations

from digistore.analytics import CurrencyFigures, Period
from digistore.cli.demo.stage import Stage


def sellers_day(stage: Stage) -> None:
    """Show what the day has brought, and compare it with what the bank has."""
    store, tell = stage.store, stage.tell
    period = Period(stage.began.date(), stage.now().date())
    tell.say("What Sam sees of his day, counted from what really happened.")
    tell.table(
        ("day (UTC)", "sold", "products", "helped", "support", "refunded", "net"),
        [
            (
                str(day.day),
                str(day.orders),
                str(day.gross.decimal),
                str(day.support_orders),
                str(day.support_gross.decimal),
                str(day.refunded.decimal),
                str(day.net.decimal),
            )
            for day in store.analytics.sales(stage.sam, period)
        ],
    )
    overview = store.analytics.overview(stage.sam, period)
    (figures,) = overview.revenue
    tell.space()
    tell.chart(
        (name, money.amount, str(money))
        for name, money in (
            ("products", figures.gross),
            ("support", figures.support_gross),
            ("refunded", figures.refunded),
            ("net", figures.net),
        )
    )
    tell.fact("downloads", overview.downloads)
    _same_as_the_bank(stage, figures)


def _same_as_the_bank(stage: Stage, figures: CurrencyFigures) -> None:
    tell = stage.tell
    at_gateway, by_transfer = stage.kept(figures.currency)
    tell.fact("the bank", f"{at_gateway} kept by the gateway, {by_transfer} by transfer")
    tell.claim(
        at_gateway + by_transfer == figures.net,
        f"together {at_gateway + by_transfer}: the net of the figures, to the cent",
    )


def promises_hold(stage: Stage) -> None:
    """Let the doctor check the database, and read all files again."""
    store, tell = stage.store, stage.tell
    stage.run_due()
    report = store.doctor()
    tell.say("The doctor looks through the whole database for anything that must not be.")
    tell.fact("promises", f"{len(report.checked)}: {', '.join(report.checked)}")
    tell.claim(report.healthy, f"{len(report.findings)} findings: all of them are kept")
    for warning in report.warnings:
        tell.fact("warning", warning)
    files = store.files.verify()
    tell.claim(files.intact, f"all {files.checked} files are, byte for byte, what was published")
    tell.claim(
        not store.payments.needing_action(stage.olga), "no money waits for somebody to decide"
    )
