"""Makes the typeface that reports are set in: Noto Sans CJK SC Regular, cut down to the characters of GB 2312 and some more.

Run it with fontTools (`pip install fonttools`) and the file that Debian's package `fonts-noto-cjk` 1:20220127 installs:
`python app/reference/fonts/subset.py NotoSansCJK-Regular.ttc`. It takes a minute; the same input gives the same file.
"""

import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTCollection

NAMES = (
    "陳張劉黃吳趙楊鄭謝許馮鄧蕭葉呂蘇盧蔣閻鍾譚陸萬賈韋鄒閆錢龍賴龔湯溫駱嚴顧聶鄺關鄔婁喬竇鳳遲項穀紀歐諸聞倫饒鞏畢應連邊滿儲車陽紅順豐學習鋒銳"
    "華國偉強軍勝寶寧貴慶漢東興業興榮遠達義禮傑維鵬飛躍輝麗蘭鳳鶯蓮雲藍愛顏靜瑩潔環瓊蓀蘊蘭賢賓錦鋼鐵鑫鏡臺灣廣樓號門區縣鄉鎮橋長貨運單據費價錢償"
    "損壞遲誤遺賠處理結複電話訊聯繫個體實際證據時間與為這於後來從們對會說過還沒無開關發現問題間請讓給點總應當確認認為誠歉"
    "喆堃淼焱犇翀赟媖嫄祎晞昇玥珺珏琎琏玙璟瑄瑀瑢瑨璠璇璐璨甯昉昕昳晔晟晖暄暐烨炜煊煜熠燊燚翊翎翙骁骞骅麒麟鎏锜锟锶镕锴铎铠铮鋆钊钰钒钏颢颉頔颀韪韫"
    "阗闫闳阚阊鄢郤郗邰邴邳郏邸邬郇郄郜郯鄞鄯鄱芃芊芮芸苒苡茉莀莘菀菡萱葳蒽蓁蕤蕴薇薏藜祺禛禔禤祯祐祚稷穆竑筠筱箐箬簌籽粲翯耘聿膑舸芾妍妤妘姒姝姣姮娉娅娴婕婧婳嫣嬛孜孮"
    "宥宸寔尧岑岚峤崟嵘嵩嶷巍帏弋弼彧彬徕忻怡恺恬恽悌悦愔慜懿戬扬抒掞揆昀昊昱晁晏晗晢晧杲枞枭柘栎栩栾桀桉桓梓梵楒楷榛樾橙檀欣歆沁沄沅沐泓泖泠泺洹洮洺浠浥浵涪涵淇淏淦淳渟湉湜湫溆溍溪滢滟漪漾潇潞潼澍澔澜澧濂濋瀚瀛"
    "灏炅烜焓煦熙熹燏爔牧狄玎玕玗玘玚玠玢玥玮环珂珅珈珉珑珞珣珩珮珲珵珹琀琅琇琉琍琚琛琦琨琪琬琮琰琳琼瑁瑗瑜瑞瑶瑷瑾璀璁璋璘璜璞璧瓒畅畔畹皎皓睿瞳砺硕碧磊祁"
    "㛃䶮堽塬墉奡妧婌尕巘弢昺晙晫曈朦枥栻桄棽棨楗榞槿浛淯湑湲溁溦滠滪漖潏澥瀹炘焜玭玹珖珒珙珧琊琤琯瑆瑛瑝瑳璈璎璩甡甪眭睢砼祓祜祾祼秾竣笪筼箴綦缑翚翥翮蒗蓥薳蘅衎谌谖谡谯谵贇赑趵轶辂迓迦迺逄逯遐遴郦鄄鄣鄜钐钖钘钜铖铚锃锒锽镔镠阇陟隽雎雩雯靓靖鞅顼飏馥驭驷骊骐骢骦鲲鲳鹓鹄鹇鹏麴黟黾鼐齐龢"
)
"""Of people, of places and in what people write from Hong Kong, Macao and Taiwan; not in GB 2312, most of them."""
RANGES = (
    (0x20, 0x7E),
    (0xA0, 0x17F),
    (0x2010, 0x2027),
    (0x2190, 0x2193),
    (0xFF01, 0xFF5E),
)
"""Latin as in Zürich, dashes and quotation marks, arrows, full-width forms."""
SIGNS = "€￥¥§°±×÷①②③④⑤⑥⑦⑧⑨⑩●○▲▼◆◇■□✓〇"
OUT = Path(__file__).with_name("NotoSansSC-GB2312.otf")


def characters() -> set[int]:
    """All that the typeface is to have."""
    found = {ord(each) for each in NAMES + SIGNS}
    for row in range(0xA1, 0xF8):
        for cell in range(0xA1, 0xFF):
            found.update(map(ord, bytes((row, cell)).decode("gb2312", "ignore")))
    return found.union(*(range(first, last + 1) for first, last in RANGES))


def main(source: str) -> None:
    """Cut it down and write it beside this file."""
    fonts = TTCollection(source).fonts
    font = next(each for each in fonts if each["name"].getDebugName(1) == "Noto Sans CJK SC")
    options = subset.Options(hinting=False, name_IDs=["*"], notdef_outline=True)
    options.layout_features = ["kern", "halt", "palt"]
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=characters())
    subsetter.subset(font)
    font["head"].modified = font["head"].created
    font.recalcTimestamp = False
    font.save(OUT)


if __name__ == "__main__":
    main(sys.argv[1])
