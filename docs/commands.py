"""The reference of the command line, written from the commands themselves."""

from __future__ import annotations

from typing import Any

PAGE = "reference/commands"


def write_commands(app: Any, document: str, source: list[str]) -> None:
    """Append every command with its arguments and options to their page, before Sphinx parses it."""
    if document != PAGE:
        return
    import typer

    from tidegate.cli.app import app as tidegate

    group: Any = typer.main.get_command(tidegate)
    source[0] += "\n".join(line for name, command in group.commands.items() for line in described(name, command))


def described(name: str, command: Any) -> list[str]:
    """A command in MyST Markdown."""
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    options = [one for one in command.params if one.param_type_name == "option"]
    usage = " ".join(one.name.upper() if one.required else f"[{one.name.upper()}]" for one in arguments)
    lines = [f"\n## tidegate {name}\n", command.help or "", f"\n```text\ntidegate {name} {usage} [OPTIONS]\n```\n"]
    lines += [f"::::{{program}} tidegate {name}\n::::\n"]
    for one in arguments:
        lines += entry(one.name.upper(), one)
    panels: dict[str, list[Any]] = {}
    for one in options:
        panels.setdefault(getattr(one, "rich_help_panel", None) or "Options", []).append(one)
    for panel, members in panels.items():
        if panel != "Options":
            lines.append(f"### {panel}\n")
        for one in members:
            names = ", ".join([*one.opts, *one.secondary_opts])
            lines += entry(names if one.is_flag else f"{names} <value>", one)
    return lines


def entry(names: str, parameter: Any) -> list[str]:
    """An argument or an option with its help; the default is written there, or is the parameter's own."""
    text = " ".join((parameter.help or "").replace("\\[", "[").split())
    text, _, default = text.partition(" [default: ")
    default = default.rstrip("]")
    if not default and parameter.default not in (None, False) and parameter.param_type_name == "option":
        default = str(parameter.default)
    about = f"{text} Default: {default}." if default else text
    return [f"::::{{option}} {names}", escaped(about), "::::\n"]


def escaped(text: str) -> str:
    """Text without Markdown."""
    for sign in "\\*_<[`":
        text = text.replace(sign, f"\\{sign}")
    return text
