import sys

import pytest

from napari_nst.plugin.common import torch_import


@pytest.mark.parametrize("drawing", [True, False])
def test_triton_is_left_out_only_where_mesa_draws_in_software(monkeypatch, tmp_path, drawing):
    maps = tmp_path / "maps"
    maps.write_text("7f00 r-xp /usr/lib/libLLVM-15.so.1\n" if drawing else "7f00 r-xp libc.so\n")
    monkeypatch.setattr(torch_import, "_MAPS", maps)
    monkeypatch.delitem(sys.modules, "triton", raising=False)

    torch_import.import_torch()

    assert ("triton" in sys.modules and sys.modules["triton"] is None) is drawing
    sys.modules.pop("triton", None)


def test_a_system_without_proc_is_no_reason_to_leave_triton_out(monkeypatch, tmp_path):
    monkeypatch.setattr(torch_import, "_MAPS", tmp_path / "absent")
    assert not torch_import._has_system_llvm()
