"""Names that plugins lend to `navcore`: there on first use, listed by `dir`, and explained where they are missing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

import navcore
from navcore.front_door import lend, lent_names
from navcore.known import FRONT_DOOR

Install = Callable[..., None]

LENDER = "class Frob: pass\nclass Other: pass\n"


def test_a_lent_name_is_an_attribute_of_navcore(install: Install) -> None:
    install("frob-plugin", "1.0", LENDER, navcore__names={"Frob": "frob_plugin:Frob", "frob": "frob_plugin"})

    assert "frob_plugin" == navcore.frob.__name__
    assert navcore.frob.Frob is navcore.Frob


def test_dir_lists_lent_names(install: Install) -> None:
    install("frob-plugin", "1.0", LENDER, navcore__names={"Frob": "frob_plugin:Frob"})

    assert "Frob" in lent_names()
    assert "Frob" in dir(navcore)
    assert "load_plugins" in dir(navcore)


def test_a_lent_name_imports_its_plugin_on_first_use_only(install: Install) -> None:
    install("frob-plugin", "1.0", LENDER, navcore__names={"Frob": "frob_plugin:Frob"})
    dir(navcore)
    before = "frob_plugin" in sys.modules
    lent = navcore.Frob

    assert not before
    assert lent is sys.modules["frob_plugin"].Frob


def test_a_name_that_nothing_answers_to_gets_the_nearest(install: Install) -> None:
    install("frob-plugin", "1.0", LENDER, navcore__names={"Frobnicator": "frob_plugin:Frob"})
    with pytest.raises(AttributeError) as caught:
        lend("Frobnicater")

    assert "module 'navcore' has no attribute 'Frobnicater'; did you mean 'Frobnicator'?" == str(caught.value)


def test_a_name_like_no_other_gets_no_guess() -> None:
    with pytest.raises(AttributeError) as caught:
        lend("xyzzy")

    assert "module 'navcore' has no attribute 'xyzzy'" == str(caught.value)


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Entry points are looked up in the metadata on `sys.path`."""
    monkeypatch.setattr(sys, "path", [])


@pytest.mark.usefixtures("nothing_installed")
def test_a_name_of_a_plugin_that_is_not_installed_says_what_to_install() -> None:
    with pytest.raises(AttributeError) as caught:
        lend("TensorRTConfig")

    assert "navcore.TensorRTConfig comes with nav-trt; to install it: pip install nav-trt" == str(caught.value)


@pytest.mark.usefixtures("nothing_installed")
@pytest.mark.parametrize("name", sorted(FRONT_DOOR))
def test_every_known_name_names_its_distribution(name: str) -> None:
    with pytest.raises(AttributeError, match=f"navcore.{name} comes with {FRONT_DOOR[name]}; .*pip install "):
        lend(name)


def test_a_name_lent_by_two_plugins_is_refused_with_both(install: Install) -> None:
    install("frob-plugin", "1.0", LENDER, navcore__names={"Frob": "frob_plugin:Frob"})
    install("frob-fork", "1.0", LENDER, navcore__names={"Frob": "frob_fork:Frob"})
    with pytest.raises(AttributeError) as caught:
        lend("Frob")

    assert str(caught.value) == (
        "navcore.Frob is lent by two plugins: frob_fork:Frob and frob_plugin:Frob; uninstall one of them"
    )


def test_a_lender_that_cannot_be_imported_is_named(install: Install) -> None:
    install("frob-plugin", "1.0", "import frob_that_nobody_has", navcore__names={"Frob": "frob_plugin:Frob"})
    with pytest.raises(AttributeError) as caught:
        lend("Frob")

    assert str(caught.value) == (
        "navcore.Frob is lent by frob_plugin:Frob, which cannot be imported: No module named 'frob_that_nobody_has'"
    )


def test_a_lender_without_the_object_is_named(install: Install) -> None:
    install("frob-plugin", "1.0", LENDER, navcore__names={"Frob": "frob_plugin:Missing"})
    with pytest.raises(AttributeError) as caught:
        lend("Frob")

    assert str(caught.value) == (
        "navcore.Frob is lent by frob_plugin:Missing, which cannot be imported: "
        "module 'frob_plugin' has no attribute 'Missing'"
    )


def test_star_import_and_introspection_need_no_plugin() -> None:
    code = "from navcore import *; import navcore; assert not hasattr(navcore, '__wrapped__'); load_plugins"

    assert 0 == subprocess.run([sys.executable, "-c", code], check=False).returncode


def test_the_nearest_may_be_a_name_of_navcore_itself() -> None:
    with pytest.raises(AttributeError) as caught:
        lend("optimise")

    assert "module 'navcore' has no attribute 'optimise'; did you mean 'optimize'?" == str(caught.value)
