"""The lessons: short, interactive, ending in questions; their words lie in files that others can add to.

lesson_files      what a lesson's TOML file may say
lesson_text       numbers put into its words
lesson_numbers    those numbers, computed
lesson_figures    what each figure is given
lessons/          the shipped lessons
"""

from __future__ import annotations

from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from isoflop.errors import BadInput
from isoflop.web.app import View
from isoflop.web.lesson_figures import SETTINGS, payloads
from isoflop.web.lesson_files import FIGURE, Lesson, read_lesson
from isoflop.web.lesson_numbers import law, numbers

MOST_LESSONS = 100


def lessons_view(folder: Path | None = None) -> View:
    """The page "learn". folder: of further TOML files; one with the id of a shipped lesson takes its place.

    Raises BadInput for a folder that has no lesson, and naming the file and the field for a lesson that cannot be used.
    """
    lessons = {lesson.id: lesson for lesson in shipped_lessons()}
    if folder is not None:
        lessons |= {lesson.id: lesson for lesson in lessons_in(folder)}
    ordered = sorted(lessons.values(), key=lambda lesson: (lesson.order, lesson.id))
    used = [block["name"] for lesson in ordered for block in lesson.data["blocks"] if block["type"] == FIGURE]
    return View(
        "learn",
        "learn/view.js",
        {"lessons": [lesson.data for lesson in ordered], "figures": payloads(used)},
        styles=("learn/learn.css",),
        generated={"learn/law.js": f"// {law().source}\nexport const law = {law().javascript};\n"},
    )


def shipped_lessons() -> tuple[Lesson, ...]:
    """The lessons that come with isoflop, in their order."""
    return _read(resources.files("isoflop.web").joinpath("lessons").iterdir())


def lessons_in(folder: Path) -> tuple[Lesson, ...]:
    """The lessons of a folder. Raises BadInput where there is none, for more than 100, and for two of one id."""
    if not folder.is_dir():
        raise BadInput(f"There is no folder {folder}. Name one that holds lessons as TOML files; see docs/lessons.md.")
    found = _read(folder.iterdir())
    if not found or len(found) > MOST_LESSONS:
        raise BadInput(
            f"{folder} has {len(found)} TOML files. From 1 to {MOST_LESSONS} lessons are read from a folder."
        )
    ids = [lesson.id for lesson in found]
    if twice := [name for name in ids if ids.count(name) > 1]:
        raise BadInput(f"Two lessons in {folder} have the id '{twice[0]}'. Give each its own.")
    return found


def _read(files: object) -> tuple[Lesson, ...]:
    known = numbers()
    chosen: list[Path | Traversable] = [file for file in files if file.name.endswith(".toml")]  # type: ignore[attr-defined]
    read = [read_lesson(file, known, SETTINGS) for file in sorted(chosen, key=lambda file: file.name)]
    return tuple(sorted(read, key=lambda lesson: (lesson.order, lesson.id)))
