from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.detect.refs import attachment_ref, parse_attachment_ref
from monitor.model import RunKey


@given(st.builds(RunKey, st.text(), st.text(), st.text()))
def test_a_reference_leads_back_to_its_run(key: RunKey) -> None:
    assert parse_attachment_ref(attachment_ref(key)) == key


@pytest.mark.parametrize("ref", ["", "production", "[]", '["a", "b"]', '["a", "b", 3]', '{"a": 1}', "null"])
def test_other_text_is_refused_by_name(ref: str) -> None:
    with pytest.raises(ValueError, match="not a reference to a run's log"):
        parse_attachment_ref(ref)
