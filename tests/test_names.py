"""Names are romanised quickly, and as the library would."""

from hypothesis import given
from hypothesis import strategies as st
from pypinyin import lazy_pinyin

from app.services import names

HAN = st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5), max_size=8)
READINGS = st.lists(
    st.sampled_from(["重庆", "长行", "有限公司", "银行", "行长", "快乐", "音乐", "顺丰"]), max_size=4
)
OTHERS = st.sampled_from(["", " ", "Zürich", "１２３", "，", "ABC-9", "々"])


@given(st.tuples(HAN, READINGS.map("".join), OTHERS, HAN, READINGS.map("".join)).map("".join))
async def test_a_name_read_in_kept_parts_reads_as_the_library_reads_the_whole(name: str) -> None:
    import re
    import unicodedata

    whole = lazy_pinyin(unicodedata.normalize("NFKC", name))
    words = [word for part in whole for word in re.findall(r"[^\W_\u3400-\u9fff]+", names._folded(part))]
    assert names.romanised(name) == " ".join(words[: names.LONGEST])
