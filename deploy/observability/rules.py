"""From objectives and alerts to groups of rules for Prometheus."""

HOURS = {"m": 1 / 60, "h": 1, "d": 24}


def hours(window):
    return float(window[:-1]) * HOURS[window[-1]]


def words(name):
    return "".join(part.capitalize() for part in name.split("_"))


def anchor(alert):
    """As the heading of the runbook is linked."""
    return alert.lower()


def annotated(alert, page):
    rule = {"alert": alert["alert"], "expr": " ".join(alert["expr"].split())}
    if "for" in alert:
        rule["for"] = alert["for"]
    rule["labels"] = {"severity": alert["severity"]}
    rule["annotations"] = {"summary": alert["summary"], "runbook_url": f"{page}#{anchor(alert['alert'])}"}
    return rule


def windows(settings):
    found = {burn[side] for burn in settings["burns"] for side in ("short", "long")}
    return sorted(found, key=hours)


def ratio(name, window):
    return f"tagfleet:{name}_errors:ratio_{window}"


def recorded(settings):
    """The part of failures of each objective, over every window."""
    return [
        {"record": ratio(name, window), "expr": " ".join(objective["errors"].replace("WINDOW", window).split())}
        for name, objective in settings["objectives"].items()
        for window in windows(settings)
    ]


def burn_rate(burn, period_days):
    """How many times faster than allowed the budget goes, where `budget` of it is gone within the long window."""
    return burn["budget"] * period_days * 24 / hours(burn["long"])


def condition(name, objective, burn, period_days):
    limit = f"{burn_rate(burn, period_days):g} * {1 - objective['target']:g}"
    return f"({ratio(name, burn['long'])} > {limit} and {ratio(name, burn['short'])} > {limit})"


def burning(settings):
    """Of each objective one alert that pages and one that can wait."""
    for name, objective in settings["objectives"].items():
        for severity, speed in (("page", "Fast"), ("ticket", "Slowly")):
            burns = [burn for burn in settings["burns"] if burn["severity"] == severity]
            terms = [condition(name, objective, burn, settings["period_days"]) for burn in burns]
            gone = " or ".join(f"{burn['budget']:.0%} in {burn['long']}" for burn in burns)
            yield {
                "alert": f"Tagfleet{words(name)}BudgetBurns{speed}",
                "expr": " or ".join(terms),
                "severity": severity,
                "summary": f"Budget of {settings['period_days']} days goes fast ({gone}): {objective['promise']}",
            }


def prices(settings):
    return [
        {"record": "tagfleet:device_price:usd_per_hour", "expr": f"vector({price:g})", "labels": {"device": device}}
        for device, price in settings["prices_per_hour"].items()
    ]


# Whole days back, and what is looked at of each.
DAYS_BACK = (1, 7, 14)
AHEAD = "30m"


def of_a_past_day(series, days):
    """The half-hour after this time of that day; the label keeps days apart."""
    offset = f"{days - 1}d23h30m" if days > 1 else "23h30m"
    return f'label_replace(max_over_time({series}[{AHEAD}] offset {offset}), "days", "{days}", "", "")'


def foretold(alerts):
    for name, rate in alerts["forecast"].items():
        series = f"tagfleet:{name}:rate5m"
        yield {"record": series, "expr": f"sum by (namespace) ({rate})"}
        days = " or ".join(of_a_past_day(series, days) for days in DAYS_BACK)
        yield {"record": f"tagfleet:{name}:forecast", "expr": f"quantile by (namespace) (0.5, {days})"}


def groups(settings, alerts):
    """All of them, as Prometheus reads them."""
    def page(group):
        return f"{settings['runbook']}/{group}.md"

    made = [
        {"name": "tagfleet-recorded", "rules": prices(settings) + alerts["recorded"]},
        {"name": "tagfleet-objectives", "rules": recorded(settings) + [annotated(alert, page("objectives")) for alert in burning(settings)]},
    ]
    made.append({"name": "tagfleet-forecast", "rules": list(foretold(alerts))})
    for name, rules in alerts["groups"].items():
        made.append({"name": f"tagfleet-{name}", "rules": [annotated(alert, page(name)) for alert in rules]})
    return made
