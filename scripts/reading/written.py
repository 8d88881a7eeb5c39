"""Pages whose text is known: receipts, notices and signs, drawn in fonts that have their letters."""

import io
import random

from PIL import Image, ImageChops, ImageDraw, ImageFont

FONTS = "/usr/share/fonts"
DEJAVU = f"{FONTS}/truetype/dejavu"
NOTO = f"{FONTS}/opentype/noto"
NANUM = f"{FONTS}/truetype/nanum"
# Path, and which of a collection's fonts: Japanese is the first, simplified Chinese the third.
FONT_FILES = {
    "latin": [(f"{DEJAVU}/DejaVuSans.ttf", 0), (f"{DEJAVU}/DejaVuSerif.ttf", 0), (f"{DEJAVU}/DejaVuSansMono.ttf", 0)],
    "chinese": [(f"{NOTO}/NotoSansCJK-Regular.ttc", 2), (f"{NOTO}/NotoSerifCJK-Regular.ttc", 2)],
    "japanese": [(f"{NOTO}/NotoSansCJK-Regular.ttc", 0), (f"{NOTO}/NotoSerifCJK-Regular.ttc", 0)],
    "korean": [(f"{NANUM}/NanumGothic.ttf", 0), (f"{NANUM}/NanumMyeongjo.ttf", 0)],
}
LINES = {
    "latin": [
        "CORNER BAKERY & CAFE",
        "128 Harbour Street, Dublin 2",
        "Tel. +353 1 555 0199",
        "Date: 2024-05-01 12:33",
        "2 x Cappuccino 7.80",
        "1 x Almond croissant 3.25",
        "Subtotal 13.15",
        "VAT 13.5 % 1.56",
        "TOTAL EUR 14.71",
        "Paid by card **** 4821",
        "Thank you for your visit!",
        "Please keep this receipt for returns",
        "within fourteen days of your purchase.",
        "Öffnungszeiten: Montag bis Freitag",
        "Le musée est fermé le mardi.",
        "El próximo tren sale a las 9:45",
    ],
    "chinese": [
        "北京城市图书馆开放时间",
        "周一至周五上午九点到晚上八点",
        "请保持安静，不要大声喧哗",
        "借书期限为三十天，可以续借一次",
        "二楼为儿童阅览室和多媒体教室",
        "总计金额：人民币125.80元",
        "感谢您的光临，欢迎下次再来",
        "地址：北京市朝阳区建国路88号",
        "下一站是人民广场，请准备下车",
    ],
    "japanese": [
        "東京駅から新宿駅までの切符",
        "本日の営業時間は午前十時から",
        "お会計は千二百円でございます",
        "ご来店ありがとうございました",
        "コーヒーとケーキのセット",
        "消費税は十パーセントです",
        "次の電車は五番線から発車します",
        "お忘れ物にご注意ください",
        "会議は月曜日の午後三時です",
    ],
    "korean": [
        "서울특별시 종로구 세종대로 175",
        "영업시간은 오전 열 시부터입니다",
        "아메리카노 두 잔 9,000원",
        "합계 금액은 만 이천 원입니다",
        "이용해 주셔서 감사합니다",
        "다음 열차는 오 번 승강장에서 출발합니다",
        "교환 및 환불은 칠 일 이내에",
        "영수증을 꼭 지참해 주세요",
        "회의는 월요일 오후 세 시에 있습니다",
        "주차장은 건물 뒤편에 있습니다",
    ],
}
LINES_A_PAGE = 8
# Heights of letters in a picture of 1200 by 1600.
SIZES_PX = (26, 34, 44)
MOST_TILT = 3.0
# Each pixel becomes lighter or darker by up to so much.
GRAIN = 14


def draw(language, seed):
    """A page as a JPEG, and its lines from the top to the bottom."""
    choice = random.Random(f"{language} {seed}")
    path, number = choice.choice(FONT_FILES[language])
    size_px = choice.choice(SIZES_PX)
    font = ImageFont.truetype(path, size_px, index=number)
    lines = choice.sample(LINES[language], LINES_A_PAGE)
    paper, ink = choice.choice([((247, 245, 240), (35, 35, 40)), ((255, 255, 255), (0, 0, 0)), ((24, 28, 40), (235, 235, 235))])
    page = Image.new("RGB", (1200, 1600), paper)
    draw_on = ImageDraw.Draw(page)
    top = 120
    for line in lines:
        draw_on.text((100 + choice.randrange(60), top), line, font=font, fill=ink)
        top += round(size_px * choice.uniform(1.6, 2.4))
    page = page.rotate(choice.uniform(-MOST_TILT, MOST_TILT), Image.Resampling.BICUBIC, fillcolor=paper)
    return encoded(page, seed), lines


def encoded(page, seed):
    grain = Image.frombytes("L", page.size, random.Random(seed).randbytes(page.width * page.height))
    grain = grain.point([2 * GRAIN * value // 255 for value in range(256)])
    grained = ImageChops.add(page, Image.merge("RGB", [grain] * 3), offset=-GRAIN)
    file = io.BytesIO()
    grained.save(file, "JPEG", quality=88)
    return file.getvalue()
