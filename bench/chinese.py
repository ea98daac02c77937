"""Chinese companies and persons of nobody's, and the same ones as somebody else would have written them down.

The two parts share no brand, no given name and no street, so that what was tuned on one is judged on words it never saw.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace

PARTS = {"tune": 1, "judge": 2}
BRANDS = (
    "青禾蓝图云帆星辰恒远博雅金石瑞丰嘉泰德信凯旋永安盛世长河鼎新飞鸿锦绣宏达万象天润朝阳明珠北斗南山东海西岭春晖秋实"
    "冬青夏禾松涛竹韵梅香兰亭菊苑荷风柳岸枫林桂圆橙果杏林桃源梨园枣乡松柏玉泉银河铜锣铁岭锡山铂金钻石珊瑚琥珀翡翠"
)
GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超霞平刚英华玉萍红健文博宇浩晨曦雨欣怡子轩梓涵思源嘉琪志远国栋建民秀兰桂花海燕晓东俊峰立新春梅秋菊"
SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
STREETS = "龙井文三建国解放中山人民和平胜利延安长江黄河泰山华山嵩山衡山恒山天目凤起庆春环城滨江滨海科技创业软件工业振兴富强民主文明"
TRADES = "茶业 科技 商贸 贸易 物流 电子商务 服饰 食品 电子 机械 家具 建材 生物科技 供应链管理 文化传媒 实业"
FORMS = "有限公司 有限公司 有限公司 有限责任公司 股份有限公司 集团有限公司 商行 经营部"
PLACES = {
    "浙江省": {"杭州市": "西湖区 滨江区 余杭区 萧山区", "宁波市": "海曙区 鄞州区", "温州市": "鹿城区 瓯海区"},
    "广东省": {"广州市": "天河区 越秀区 白云区", "深圳市": "南山区 福田区 宝安区", "东莞市": "南城区 虎门镇"},
    "江苏省": {"南京市": "玄武区 鼓楼区", "苏州市": "姑苏区 吴中区", "无锡市": "梁溪区 滨湖区"},
    "四川省": {"成都市": "锦江区 武侯区 双流区", "绵阳市": "涪城区 游仙区"},
    "湖北省": {"武汉市": "江汉区 洪山区", "宜昌市": "西陵区 夷陵区"},
}
SAME_SOUND = (
    "青清卿",
    "禾和合荷河",
    "帆凡繁",
    "辰晨陈",
    "恒衡横",
    "远源圆园",
    "博伯柏",
    "石实时",
    "丰锋枫峰风",
    "泰太",
    "信欣新心",
    "永勇咏",
    "安氨",
    "盛胜圣",
    "鸿宏洪弘红",
    "明名铭鸣",
    "海孩",
    "林琳霖",
    "松嵩",
    "兰岚蓝",
    "伟维玮炜",
    "芳方",
    "娜那",
    "静敬净",
    "丽莉立利",
    "军君均",
    "洋阳扬杨",
    "杰洁捷",
    "超朝",
    "英瑛樱",
    "玉钰育",
    "文雯纹",
    "宇雨语羽",
    "浩皓昊",
    "怡宜仪",
    "子梓紫",
    "志智致",
    "国果",
    "健建剑",
    "晓小筱",
    "金今津",
    "银吟",
    "玲铃",
    "华桦",
    "嘉佳家",
    "凯楷",
    "达大",
    "天田",
    "山杉",
    "世士仕",
)
TRADITIONAL = dict(
    zip(
        "华东云龙长兴业贸电丰远凯鸿锦绣达万润阳银铁锡钻张刘陈杨赵黄吴孙马罗郑谢韩冯萧邓许吕丽强军娟伟红兰",
        "華東雲龍長興業貿電豐遠凱鴻錦繡達萬潤陽銀鐵錫鑽張劉陳楊趙黃吳孫馬羅鄭謝韓馮蕭鄧許呂麗強軍娟偉紅蘭",
        strict=True,
    )
)


@dataclass(frozen=True)
class Entry:
    """A record as it was written down; `entity` is whom it is of."""

    entity: int
    kind: str
    name: str
    phones: tuple[str, ...] = ()
    mails: tuple[str, ...] = ()
    address: dict[str, str] = field(default_factory=dict)


def entries(part: str, entities: int) -> list[Entry]:
    """Records of so many companies and persons; a third of them were written down twice or three times."""
    maker = _Maker(random.Random(PARTS[part]), half=PARTS[part] - 1)
    first: list[Entry] = []
    found: list[Entry] = []
    for number in range(entities):
        like = maker.rng.choice(first) if first and maker.rng.random() < 0.4 else None
        entry = maker.sibling(number, like) if like else maker.fresh(number)
        first.append(entry)
        entry = maker.sparse(entry) if maker.rng.random() < 0.3 else entry
        found.append(entry)
        if _could_be_told(entry, entry):
            found += [maker.again(entry) for _ in range(maker.rng.choice((0, 0, 0, 0, 1, 1, 2)))]
    return found


class _Maker:
    def __init__(self, rng: random.Random, half: int) -> None:
        self.rng = rng
        self.brands, self.given, self.streets = (_half(text, half) for text in (BRANDS, GIVEN, STREETS))

    def fresh(self, entity: int) -> Entry:
        address = self.address()
        if self.rng.random() < 0.5:
            name = self.person()
            mails = (f"{self.letters(7)}@{self.rng.choice(('qq.com', '163.com', 'example.com'))}",)
            return Entry(entity, "person", name, (self.mobile(),), self.some(mails, 0.4), address)
        brand = "".join(self.rng.sample(self.brands, self.rng.choice((2, 2, 3))))
        seat = self.rng.choice((address["city"][:-1], address["province"][:-1], address["city"], ""))
        name = f"{seat}{brand}{self.rng.choice(TRADES.split())}{self.rng.choice(FORMS.split())}"
        phones = (self.landline(), self.mobile())[: self.rng.choice((1, 2))]
        return Entry(
            entity, "company", name, phones, self.some((f"info@{self.letters(8)}.com",), 0.5), address
        )

    def sibling(self, entity: int, like: Entry) -> Entry:
        """Somebody else who looks alike: a namesake, a neighbour, one of the family, another firm of the same house."""
        fresh = self.fresh(entity)
        while fresh.kind != like.kind:
            fresh = self.fresh(entity)
        choice = self.rng.randrange(4)
        if choice == 0:
            return replace(fresh, name=like.name) if like.kind == "person" else self.elsewhere(fresh, like)
        if choice == 1:
            return replace(fresh, address=like.address | {"detail": self.detail()})
        if choice == 2 and like.kind == "person":
            return replace(
                fresh,
                name=like.name[0] + fresh.name[1:],
                address=like.address,
                phones=self.some(like.phones, 0.3) or fresh.phones,
            )
        brand = next(
            (
                like.name[at : at + 2]
                for at in range(len(like.name) - 2)
                if set(like.name[at : at + 2]) <= set(self.brands)
            ),
            like.name[:2],
        )
        renamed = f"{brand}{self.rng.choice(self.brands)}{self.rng.choice(TRADES.split())}有限公司"
        return replace(fresh, name=renamed if like.kind == "company" else fresh.name)

    def elsewhere(self, fresh: Entry, like: Entry) -> Entry:
        """A firm of the same name in another town: the register allows that."""
        mine, yours = fresh.address["city"][:-1], like.address["city"][:-1]
        if mine == yours or yours not in like.name:
            return fresh
        return replace(fresh, name=like.name.replace(yours, mine))

    def again(self, entry: Entry) -> Entry:
        """The same one written down once more, with one to four things otherwise."""
        changes: list[Callable[[Entry], Entry]] = [
            self.misheard,
            self.misheard,
            self.shorter,
            self.shorter,
            self.swapped,
            self.traditional,
            self.dialled,
            self.dialled,
            self.new_phone,
            self.abbreviated,
            self.abbreviated,
            self.less_address,
            self.moved,
            self.no_mail,
            self.mistyped,
            self.sparse,
        ]
        while True:
            other = entry
            for change in self.rng.sample(changes, self.rng.choice((1, 2, 2, 3, 3, 4))):
                other = change(other)
            if _could_be_told(entry, other):
                return other

    # What happens to a record

    def misheard(self, entry: Entry) -> Entry:
        places = [(at, group) for at, each in enumerate(entry.name) for group in SAME_SOUND if each in group]
        if not places:
            return entry
        at, group = self.rng.choice(places)
        return replace(entry, name=entry.name[:at] + self.rng.choice(group) + entry.name[at + 1 :])

    def shorter(self, entry: Entry) -> Entry:
        if entry.kind == "person":
            return replace(entry, name=entry.name + self.rng.choice(("先生", "女士", " ", "")))
        name = entry.name
        for form in sorted(set(FORMS.split()), key=len, reverse=True):
            name = name.removesuffix(form)
        if self.rng.random() < 0.4:
            for place in [entry.address.get(each, "") for each in ("city", "province")]:
                name = name.removeprefix(place).removeprefix(place[:-1])
        return replace(entry, name=name + self.rng.choice(("", "公司", "有限公司")))

    def swapped(self, entry: Entry) -> Entry:
        at = self.rng.randrange(len(entry.name) - 1)
        name = entry.name
        return replace(entry, name=name[:at] + name[at + 1] + name[at] + name[at + 2 :])

    def traditional(self, entry: Entry) -> Entry:
        return replace(entry, name="".join(TRADITIONAL.get(each, each) for each in entry.name))

    def mistyped(self, entry: Entry) -> Entry:
        if not entry.phones:
            return entry
        at, digit = self.rng.randrange(3, 11), self.rng.choice("0123456789")
        return replace(
            entry, phones=(entry.phones[0][:at] + digit + entry.phones[0][at + 1 :], *entry.phones[1:])
        )

    def dialled(self, entry: Entry) -> Entry:
        """As people write numbers: with a country code, with gaps, in full width, without the eighth digit of today."""
        ways: list[Callable[[str], str]] = [
            lambda n: f"+86 {n}" if n[0] == "1" else f"+86{n[1:]}",
            lambda n: f"{n[:3]} {n[3:7]} {n[7:]}",
            lambda n: f"{n[:3]}-{n[3:7]}-{n[7:]}",
            lambda n: n.translate({ord(digit): 0xFEE0 + ord(digit) for digit in "0123456789"}),
            lambda n: n if n[0] == "1" else n[:4] + "-" + n[5:],
        ]
        return replace(entry, phones=tuple(self.rng.choice(ways)(phone) for phone in entry.phones))

    def new_phone(self, entry: Entry) -> Entry:
        return replace(entry, phones=(self.mobile(), *entry.phones[self.rng.choice((0, 1)) :]))

    def abbreviated(self, entry: Entry) -> Entry:
        address = dict(entry.address)
        if not address.get("province") or "street" not in address:
            return entry
        detail = address.get("detail", "")
        for long, short in (("号楼", "栋"), ("室", ""), ("单元", "-")):
            detail = detail.replace(long, short)
        address |= {"province": address["province"][:-1], "city": address["city"][:-1], "detail": detail}
        return replace(
            entry,
            address=address | {"street": address["street"].replace("路", self.rng.choice(("路", " 路 ")))},
        )

    def less_address(self, entry: Entry) -> Entry:
        gone = self.rng.choice((("detail",), ("district",), ("province", "district"), ("province",)))
        return replace(
            entry, address={name: each for name, each in entry.address.items() if name not in gone}
        )

    def moved(self, entry: Entry) -> Entry:
        return replace(entry, address=self.address()) if self.rng.random() < 0.4 else entry

    def sparse(self, entry: Entry) -> Entry:
        """Nothing but the name and, of a person, one way to tell whose it is."""
        if entry.kind == "company" and self.rng.random() < 0.3:
            return replace(entry, phones=(), mails=(), address={})
        if self.rng.random() < 0.07:
            return replace(entry, phones=(), address={})
        return replace(entry, address={}) if self.rng.random() < 0.6 else replace(entry, phones=())

    def no_mail(self, entry: Entry) -> Entry:
        return replace(entry, mails=())

    # What a record consists of

    def person(self) -> str:
        return self.rng.choice(SURNAMES) + "".join(
            self.rng.choices(self.given, k=self.rng.choice((1, 2, 2, 2)))
        )

    def address(self) -> dict[str, str]:
        province = self.rng.choice(list(PLACES))
        city = self.rng.choice(list(PLACES[province]))
        district = self.rng.choice(PLACES[province][city].split())
        street = f"{''.join(self.rng.sample(self.streets, 2))}路{self.rng.randrange(1, 900)}号"
        return {
            "province": province,
            "city": city,
            "district": district,
            "street": street,
            "detail": self.detail(),
        }

    def detail(self) -> str:
        return (
            f"{self.rng.randrange(1, 20)}号楼{self.rng.randrange(1, 5)}单元{self.rng.randrange(101, 2800)}室"
        )

    def mobile(self) -> str:
        return f"1{self.rng.choice('35789')}{self.rng.randrange(10**9):09d}"

    def landline(self) -> str:
        return f"0{self.rng.choice(('571', '574', '755', '512', '817'))}8{self.rng.randrange(10**7):07d}"

    def letters(self, count: int) -> str:
        return "".join(self.rng.choices("abcdefghijklmnopqrstuvwxyz", k=count))

    def some(self, values: tuple[str, ...], share: float) -> tuple[str, ...]:
        return values if self.rng.random() < share else ()


def _could_be_told(one: Entry, other: Entry) -> bool:
    """Whether a person has more in common with itself than a name that others have as well."""
    reached = bool(one.phones and other.phones) or bool(set(one.mails) & set(other.mails))
    found = "street" in one.address and one.address.get("street", "").replace(" ", "") == other.address.get(
        "street", ""
    ).replace(" ", "")
    return one.kind == "company" or reached or found


def _half(text: str, half: int) -> str:
    """Every second character, of those that stand there once or more."""
    return "".join(dict.fromkeys(text))[half::2]
