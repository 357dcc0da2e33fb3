"""``isoflop cost``: hours, days, energy and every basis of cost of a run, or of a cluster."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isoflop.cli import options as opt
from isoflop.errors import BadInput

if TYPE_CHECKING:
    from isoflop.planning.cluster_cost import ClusterCost
    from isoflop.planning.run_cost import RunCost, Terms

OTHER_MONEY = ("€", "£", "¥", "EUR", "GBP", "JPY", "CNY", "CHF", "INR")


def cost(
    devices: Annotated[
        str | None, typer.Option("--devices", metavar="NxCHIP", help="The cluster: 512xH100.", show_default=False)
    ] = None,
    flops: Annotated[
        str | None, typer.Option("--flops", metavar="C", help="Compute of the run: 2.1e25, '10 PF-days'.")
    ] = None,
    params: Annotated[
        str | None, typer.Option("--params", metavar="N", help="Parameters, with --tokens: C = 6ND. Active ones.")
    ] = None,
    tokens: Annotated[str | None, typer.Option("--tokens", metavar="D", help="Training tokens: 15T.")] = None,
    date: Annotated[
        str | None, typer.Option("--date", metavar="DAY", help="When training starts: 2022-08. Today by default.")
    ] = None,
    mfu: Annotated[
        float | None,
        typer.Option(
            "--mfu",
            metavar="U",
            help="Utilisation of the whole run, failures and all. By default the spread of published runs.",
            parser=opt.number_within("--mfu", 0, math.inf, "Published whole runs had 0.21 to 0.46."),
        ),
    ] = None,
    number_format: Annotated[
        str, typer.Option("--format", metavar="F", help="Format of the peak: bf16, fp8 or fp4.")
    ] = "bf16",
    rent: Annotated[
        str | None, typer.Option("--rent", metavar="USD", help="Rent of a chip-hour: '$2.50'. Dated prices by default.")
    ] = None,
    price: Annotated[
        str | None, typer.Option("--price", metavar="USD", help="Price of a chip without its server: '$25k'.")
    ] = None,
    acquired: Annotated[
        str | None,
        typer.Option("--acquired", metavar="DAY", help="When the hardware was bought. The last price's day."),
    ] = None,
    electricity: Annotated[
        str | None, typer.Option("--electricity", metavar="USD", help="Price of a kWh: '$0.08'. By year otherwise.")
    ] = None,
    grid: Annotated[
        str, typer.Option("--grid", metavar="PLACE", help="Whose carbon: an ISO code or a country.")
    ] = "USA",
    pue: Annotated[
        float | None,
        typer.Option(
            "--pue",
            metavar="X",
            help="Facility power over computing power; 1.1 by default.",
            parser=opt.number_within("--pue", 1, 5, "Hyperscalers have 1.1, others about 1.25."),
        ),
    ] = None,
    years: Annotated[
        float,
        typer.Option(
            "--years",
            metavar="L",
            help="Life of hardware written off evenly.",
            parser=opt.number_within("--years", 0.1, 50, "3 to 5 is usual."),
        ),
    ] = 4.0,
    busy: Annotated[
        float,
        typer.Option(
            "--busy",
            metavar="U",
            help="Share of that life in use.",
            parser=opt.number_within("--busy", 0.01, 1, "0.8 is the default."),
        ),
    ] = 0.8,
    experiments: Annotated[
        float,
        typer.Option(
            "--experiments",
            metavar="X",
            help="All compute of the project over the final run's.",
            parser=opt.number_within("--experiments", 1, 1000, "1.2 to 4 is usual."),
        ),
    ] = 1.0,
    staff: Annotated[
        float,
        typer.Option(
            "--staff",
            metavar="SHARE",
            help="Share of staff in what the model costs.",
            parser=opt.number_within("--staff", 0, 0.99, "0.29 to 0.49 in four models of Cottier et al. 2024."),
        ),
    ] = 0.0,
    prices: Annotated[
        Path | None, typer.Option("--prices", metavar="FILE", help="TOML file with your own facts, such as [[prices]].")
    ] = None,
    json: opt.Json = False,
) -> None:
    """Price a run on a cluster: hours, days, every basis of cost, energy, CO2 and goodput; or the cluster alone.

    Examples: isoflop cost --flops 2.1e25 --devices 25000xA100-40 --date 2022-08;
    isoflop cost --params 8B --tokens 15T --devices 512xH100;  isoflop cost --devices 10000xH100 --price '$25k'
    """
    from isoflop.cli.output import print_json
    from isoflop.planning.accelerators import find_accelerator
    from isoflop.planning.cluster_cost import cluster_cost
    from isoflop.planning.run_cost import Terms, run_cost
    from isoflop.units import parse_devices

    if devices is None:
        raise BadInput("A cluster is missing. Give it with --devices, as in --devices 512xH100.")
    number, name = parse_devices(devices)
    chip = find_accelerator(name, prices)
    terms = Terms(
        date=date or datetime.date.today().isoformat(),
        number_format=number_format,
        mfu=mfu,
        rent_usd=_dollars(rent, "--rent"),
        chip_usd=_dollars(price, "--price"),
        acquired=acquired,
        pue=pue,
        grid=grid,
        usd_per_kwh=_dollars(electricity, "--electricity"),
        years=years,
        busy=busy,
        experiments=experiments,
        staff_share=staff,
        overrides=prices,
    )
    compute = _compute(flops, params, tokens)
    answer: Any = cluster_cost(chip, number, terms) if compute is None else run_cost(compute, chip, number, terms)
    if json:
        print_json(as_json(answer))
    elif compute is None:
        _show_cluster(answer)
    else:
        _show_run(answer)


def _compute(flops: str | None, params: str | None, tokens: str | None) -> float | None:
    """Compute of the run; None where only the cluster is asked about."""
    from isoflop.counting import training_flops
    from isoflop.units import parse_count, parse_flops

    if flops is not None:
        if params is not None or tokens is not None:
            raise BadInput("Give the compute once: either --flops, or --params with --tokens.")
        return _positive(parse_flops(flops), "--flops", flops)
    if params is None and tokens is None:
        return None
    if params is None or tokens is None:
        given, missing = ("--params", "--tokens") if tokens is None else ("--tokens", "--params")
        raise BadInput(f"{given} alone is no run: C = 6ND needs both. Give {missing} too, or --flops.")
    N = _positive(parse_count(params, "--params"), "--params", params)
    return float(training_flops(N, _positive(parse_count(tokens, "--tokens"), "--tokens", tokens)))


def _dollars(text: str | None, option: str) -> float | None:
    """An amount in US dollars, with or without its sign."""
    from isoflop.units import parse_money

    if text is None:
        return None
    if any(sign in text.upper() for sign in OTHER_MONEY):
        raise BadInput(
            f"{option} {text} is not in US dollars. Every price here is, so that sums mean something. Convert it at "
            f"the rate of its day, as in {option} '$2.50'."
        )
    plain = text.strip()
    amount = parse_money(plain if plain.startswith(("$", "USD")) else f"${plain}")
    return _positive(amount, option, text)


def _positive(value: float, option: str, text: str) -> float:
    if value > 0:
        return value
    raise BadInput(f"{option} {text} is not allowed: it must be more than zero.")


def as_json(answer: RunCost | ClusterCost) -> dict[str, Any]:
    """The whole answer, with the day of every price."""
    data = asdict(answer)
    terms: Terms = answer.terms
    data["terms"]["overrides"] = str(terms.overrides) if terms.overrides else None
    data["as_of"] = {
        "training_starts": terms.date,
        "accelerator": answer.accelerator.as_of,
        "prices": sorted({line["as_of"] for line in data.get("costs", data.get("a_day", ()))}),
    }
    return data


def _show_run(a: RunCost) -> None:
    from isoflop.cli.output import print_table
    from isoflop.planning.energy import LEVELS
    from isoflop.units import format_count, format_flops, format_ratio

    what = {"chip": "chips alone", "chip_pue": "chips and cooling", "server": "servers and cooling"}
    rows = [
        _row("utilisation of the whole run", a.utilisation, lambda x: f"{x:.2f}"),
        _row(f"{a.accelerator.name}-hours", a.device_hours, format_count),
        _row("days", a.days, format_ratio),
        *(_row(f"MWh, {what[level]}", _scaled(a.energy_kwh[level], 1e-3), format_count) for level in LEVELS),
        *(_row(f"t CO2, {what[level]}", a.co2_tonnes[level], format_count) for level in LEVELS),
    ]
    place = f"{a.grid.place} in {a.grid.date}: {a.grid.grams_co2_per_kwh:g} g CO2 a kWh; PUE {a.pue:g}."
    print_table(
        f"{format_flops(a.flops)} on {a.devices:,} {a.accelerator.product} from {a.terms.date}",
        ["", "value>", "80% of runs>"],
        rows,
        [place],
    )
    print()
    print_table("What it costs, by basis", *_cost_table(a.costs), [*_hows(a.costs), *_goodput(a), *a.notes])


def _show_cluster(a: ClusterCost) -> None:
    from isoflop.cli.output import print_table
    from isoflop.units import format_count, format_money, format_ratio

    rows = [
        ["GPUs alone", format_money(a.chips_usd)],
        ["with servers and network", format_money(a.servers_and_network_usd)],
        ["with everything around them", format_money(a.around_usd)],
        ["power to install", f"{format_ratio(a.installed_watts / 1e6)} MW"],
        ["peak", f"{a.peak_flops_per_second:.3g} FLOP/s, dense {a.terms.number_format}"],
        ["energy a day, servers and cooling", f"{format_count(a.kwh_a_day['server'] / 1e3)} MWh"],
    ]
    print_table(
        f"{a.devices:,} {a.accelerator.product} at ${a.chip_usd:,.0f} (as of {a.price_as_of}, {a.price_source})",
        ["", "value>"],
        rows,
        ["Everything around them: twice the GPUs, building and power included (Cahn 2024)."],
    )
    print()
    print_table(
        "A day of the whole cluster, by basis", *_cost_table(a.a_day), [*_hows(a.a_day), *_goodput(a), *a.notes]
    )


def _cost_table(lines: Any) -> tuple[list[str], list[list[str]]]:
    from isoflop.units import format_money

    making = any(line.making_usd for line in lines)
    rows = []
    for line in lines:
        spread = f"[{format_money(line.usd.low)}, {format_money(line.usd.high)}]"
        row = [line.label, format_money(line.usd.value), spread if line.usd.low < line.usd.high else "–"]
        row += [f"{line.usd_per_hour:.2f}" if line.usd_per_hour else "–", line.as_of]
        rows.append([*row, *([format_money(line.making_usd.value) if line.making_usd else "–"] if making else [])])
    return ["basis", "cost>", "range>", "$/h>", "price of", *(["with making>"] if making else [])], rows


def _hows(lines: Any) -> list[str]:
    return [f"{line.label}: {line.how}." for line in lines]


def _goodput(a: RunCost | ClusterCost) -> list[str]:
    from isoflop.units import format_duration

    g = a.goodput
    line = (
        f"Goodput {g.goodput:.2f} with failures as in Llama 3 ({g.failures_per_day:.2g} a day), a checkpoint every "
        f"{format_duration(g.interval_seconds)} and {format_duration(g.restart_seconds)} to restart; the utilisation "
        "of whole runs holds it already."
    )
    if g.goodput >= 0.9:
        return [line]
    if g.restart_for_90 <= 0:
        return [line, "No restart is fast enough for 0.9: the checkpoints themselves block too long."]
    return [line, f"A restart within {format_duration(g.restart_for_90)} would give 0.9."]


def _row(name: str, estimate: Any, show: Callable[[float], str]) -> list[str]:
    spread = f"[{show(estimate.low)}, {show(estimate.high)}]" if estimate.low < estimate.high else "–"
    return [name, show(estimate.value), spread]


def _scaled(estimate: Any, factor: float) -> Any:
    from isoflop.planning.run_cost import scaled

    return scaled(estimate, factor)
