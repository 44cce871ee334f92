"""Which small changes of a module do its tests notice?

    python tests/planning/mutants.py planning.safety tests/planning/test_safety.py [--every 1]

Each mutant changes one comparison, operation, number, truth value, or min and max of the module's functions; a mutant
is killed when a test fails, or takes longer than a minute. Prints the survivors and one line of JSON.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import importlib
import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

SWAPS: dict[type, type] = {
    ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE, ast.LtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Add: ast.Sub, ast.Sub: ast.Add,
    ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Mod: ast.Mult, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip
NAMES = {"min": "max", "max": "min"}
LONGEST_S = 60


def mutated(node: ast.AST) -> str:
    """Change a node in place; what was done, empty where there is nothing to change."""
    match node:
        case ast.Compare(ops=[op]) if type(op) in SWAPS:
            node.ops = [SWAPS[type(op)]()]
        case ast.BinOp(op=op) | ast.BoolOp(op=op) if type(op) in SWAPS:
            node.op = SWAPS[type(op)]()
        case ast.UnaryOp(op=ast.USub()):
            node.op = ast.UAdd()
        case ast.UnaryOp(op=ast.Not()):
            node.op, node.operand = ast.Not(), ast.UnaryOp(ast.Not(), node.operand)
        case ast.Constant(value=bool(value)):
            node.value = not value
        case ast.Constant(value=int(value) | float(value)):
            node.value = value + 1
        case ast.Call(func=ast.Name(id=name)) if name in NAMES:
            node.func = ast.Name(NAMES[name], ast.Load())
        case ast.IfExp(body=body, orelse=orelse):
            node.body, node.orelse = orelse, body
        case _:
            return ""
    return ast.unparse(node)


def mutants(source: str) -> Iterator[tuple[int, str, str]]:
    """Line, change and whole source of every mutant; annotations and docstrings stay as they are."""
    tree = ast.parse(source)
    for index, _ in enumerate(_nodes(tree)):
        other = copy.deepcopy(tree)
        node = _nodes(other)[index]
        before = ast.unparse(node)
        if after := mutated(node):
            yield getattr(node, "lineno", 0), f"{before} -> {after}", ast.unparse(ast.fix_missing_locations(other))


def _nodes(tree: ast.Module) -> list[ast.AST]:
    """All expressions in bodies of functions; a number whose sign is changed is not changed besides."""
    signed = [
        node.operand for node in ast.walk(tree) if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)
    ]
    found = []
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            for statement in function.body:
                found += [node for node in ast.walk(statement) if node not in signed]
    return found


def is_killed(module: ModuleType, source: str, tests: str) -> bool:
    """Whether the tests fail on a source, in a process of its own that has everything loaded already."""
    child = os.fork()
    if child == 0:
        signal.alarm(LONGEST_S)
        with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
            os.dup2(nowhere.fileno(), 1)
            os.dup2(nowhere.fileno(), 2)
            try:
                exec(compile(source, module.__file__ or "mutant", "exec"), module.__dict__)
                code = int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", tests]))
            except BaseException:
                code = 1
        os._exit(code)
    _, status = os.waitpid(child, 0)
    return status != 0


def main() -> None:
    """Print the survivors and the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("module")
    parser.add_argument("tests")
    parser.add_argument("--every", type=int, default=1, help="try each n-th mutant only")
    arguments = parser.parse_args()
    sys.path.insert(0, str(Path.cwd()))
    module = importlib.import_module(arguments.module)
    source = Path(module.__file__ or "").read_text()
    if is_killed(module, source, arguments.tests):
        sys.exit(f"{arguments.tests} fails without any change")
    tried = list(mutants(source))[:: arguments.every]
    survivors = [(line, change) for line, change, text in tried if not is_killed(module, text, arguments.tests)]
    for line, change in survivors:
        print(f"line {line}: {change}")
    killed = len(tried) - len(survivors)
    print(json.dumps({"mutants": len(tried), "killed": killed, "share": round(killed / max(len(tried), 1), 3)}))


if __name__ == "__main__":
    main()
