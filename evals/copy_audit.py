"""A second pair of eyes on delivered copy, for suite `copy`: breaches of the platforms' limits, the facts and the law.

Written from the limits table (`tools/data/copy_limits.json`: numbers and counting rules alone), 3GPP TS 23.038, Unicode's
East Asian Width and the word lists below, and it calls nothing of `tools.copy_rules`, whose faults it is there to find. It
reads the text as delivered, slots filled. Facts are taken out of the text whole, so "$20" does not excuse "20%". Word lists:
absolute terms after article 9 of the Advertising Law of the People's Republic of China, the rest after the consumer
authorities' guides to unsubstantiated claims; they find words, not meanings.
"""

from __future__ import annotations

import json
import re
import unicodedata
from functools import cache
from importlib import resources
from typing import Any

GSM = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)  # fmt: skip
GSM_TWO = set("^{}[]~\\|€\f")
FACT = "\ue000"  # stands where a supplied fact stood
OWN_WORDS = ("product", "brand", "category", "gift", "benefit", "last_product", "first_name")  # the shop's, not the writer's

HAN = "一二两三四五六七八九十百千万半几"
WORD = (
    "(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|"
    "hundred|thousand)"
)
MONTH = (
    "(?:january|february|march|april|may|june|july|august|september|october|november|december|"
    "jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)"
)
DAY = "(?:mon|tues|wednes|thurs|fri|satur|sun)day"
MONEY = re.compile("[$£€¥￥]")
LIST_MARK = re.compile(r"^\s*\d{1,2}[.、)）](?!\d)", re.M)
UNSUPPLIED = {  # what may not be left of a text once its facts are taken out
    "number": r"\d+(?:[.,]\d+)*",
    "currency or percent sign": r"[$£€¥￥%％]",
    "number in words": rf"\b{WORD}[- ](?:per ?cent|dollars?|pounds?|euros?|quid|bucks|(?:days?|hours?|weeks?) (?:left|only))\b"
    rf"|[{HAN}]+\s?(?:折|元|块钱)|[{HAN}]+成(?=优惠|价|的价)|百分之[{HAN}]+|(?:还有|还剩|只剩|仅剩|剩下)[{HAN}]+(?:天|小时)|{FACT}折",
    "date": rf"\b(?:by|until|till|through|before|ends?) (?:this |next )?{DAY}\b(?! (?:morning|afternoon|evening|night|run|walk))"
    rf"|\b(?:until|before|ends?) {MONTH}\b|\b(?:ends?|only|until|by|before) (?:today|tonight|tomorrow|midnight)\b"
    r"|\b(?:today|tonight) only\b|\b(?:last|final) hours?\b|最后(?:几|两|三)?个?小时|[仅只]限今[天日]"
    r"|(?:截止|截至|[只仅]到)(?:今[天日晚]|明[天晚]|周[一二三四五六日末]|星期)|(?:今[天日晚夜]|明[天晚]|周[一二三四五六日末])(?:截止|结束|为止)",
    "code": r"(?:\bcodes?|优惠码|折扣码|口令)[ :：是]*(?-i:[A-Z]{3,})",
}  # fmt: skip
CODE_WORD = re.compile(
    r"\b(?:promo |discount |voucher )codes?\b|\b(?:with|enter|use|the) (?:the |this |your )?code\b|优惠码|折扣码|优惠口令", re.I
)
LAST_DAY = re.compile(r"\b(?:last|final) day\b|最后一天", re.I)  # true beside the date only
CLAIMS = {  # offer -> what states it; a claim of another offer than the plan's is a breach
    "free_shipping": r"\bfree(?: standard| express)? (?:shipping|delivery|postage)\b|\bships? (?:for )?free\b|\b(?:shipping|delivery"
        r"|postage)(?: is|'s)? (?:free|on us)\b"
    r"|包邮|免邮|免运费|免配送费",
    "gift": r"\bfree gifts?\b|\bgift with\b|\bfreebies?\b|\ba (?:free )?gift (?:from us|comes|goes)\b|赠品|附赠|买就送"
        r"|下单[即就还]?送|送你一份",
    "bundle": r"\bbuy one\b|\bbogo\b|\btwo for (?:one|the price)\b|买一[送赠]一|第二[件双个]",
    "half": r"\bhalf[- ](?:price|off)\b|半价|对折|五折",
}
BANNED = {
    "en": {
        "superlative": r"\b(?:the|our|your) (?:very )?best\b(?! of luck)|\bbest[- ](?:sell\w+|in[- ]class|rated|price|deal|value|ever)\b"
        r"|\bworld'?s\b|\bworld[- ]class\b|\b(?:award[- ]winning|market[- ]leading|unbeatable|unmatched|unrival+ed)\b"
        r"|\b(?:cheapest|finest|greatest)\b|\blowest[- ]prices?\b|\bmost (?:popular|trusted|loved|advanced|comfortable)\b"
        r"|\bno\.? ?1\b|\bnumber (?:1|one)\b|#1\b",
        "scarcity": r"\bonly (?:a few|a handful|two|three|four|five|\d+) (?:\w+ )?left\b(?! side)|\bfew left\b|\blast few\b"
        r"|\b(?:almost|nearly) (?:gone|sold out)\b|\bsell(?:s|ing) (?:out )?fast\b|\bgoing fast\b"
        r"|\bbefore (?:it|they)(?:'s|'re| is| are) gone\b"
        r"|\blimited (?:stock|edition|quantit\w+|supply|supplies)\b|\bwhile (?:stocks?|supplies|it|they) lasts?\b"
        r"|\b(?:stocks?|supplies|it's|they're|we're) running (?:out|low)\b",
        "guarantee": r"\bguarante\w+|\brisk[- ]free\b|\bno[- ]risk\b|\bmoney[- ]back\b|\b100 ?%|\bproven\b",
        "health": r"\bcures?\b(?! for boredom)|\bheal(?:s|ing)?\b|\bclinical\w*|\bdermatolog\w+|\bmedical\w*|\btherap\w+|\bdetox\w*"
        r"|\bimmun\w+|\banti[- ]?(?:ag\w+|wrinkle|bacterial|acne)\b|\b(?:lose|losing) weight\b|\bpain[- ](?:relief|free)\b"
        r"|\b(?:doctor|physician)s?\b",
        "unsourced proof": r"\b(?:thousands|millions|hundreds) (?:of|love|have)\b|\b(?:five|5)[- ]star\b|\btop[- ]rated\b"
        r"|\beveryone(?:'s| is| loves)\b|\bcustomers? (?:love|agree|say)\b|\breviews? (?:say|agree|rate)",
    },
    "zh": {
        "absolute term": "最(?!近|后|终|初|多|少|早|晚|爱|喜欢|想)|第一(?![次步眼天口杯站双个件句页课时缕反印层遍单条趟回声束场份餐顿])"
        "|国家级|世界级|宇宙级|[顶極极]级|顶尖|极[品致佳]|独一无二|绝无仅有|全网|全球首|首选|唯一|王牌|冠军|史上|史无前例"
        "|永久|永远不|万能|绝对|领导品牌|遥遥领先|无敌|无与伦比|无可[比替]|百分之?百|100%|独家|NO\\.?1|TOP\\.?1|巅峰|至尊",
        "scarcity": "仅剩|所剩无几|只剩(?:最后)?[一二两三几0-9]*[件双个份台套]|即将售罄|快[卖抢]完|库存(?:告急|不多|有限|紧张)"
        "|限量|[抢秒]光|手慢无|售完|[卖抢]完(?:即止|为止|就没)|数量有限|最后[一二两三几]?[件双个份台]",
        "guarantee": "保证|包[治退赔]|零风险|稳赚|承诺有效|无效退款",
        "health": "治疗|治愈|疗效|根治|抗衰|抗皱|[抗抑杀]菌|消炎|药[用妆]|医[用生美]|祛[斑痘皱]|减肥|瘦身|排毒|免疫|速效|特效",
        "unsourced proof": "[万千百]人|好评率|五星|明星同款|网红|热销|爆款|断货|人手一|口碑(?:爆|好)|销量",
        "false price": "全网最低|史低|跳楼价|亏本|清仓甩|骨折价|白菜价|破价",
    },
}
OPT_OUT = {
    "en": r"\b(?:reply|text|send)\b[^.!?]*\bSTOP\b|\bSTOP to (?:opt out|end|stop|quit|unsubscribe)\b|\bopt[- ]?out: ?(?:reply )?STOP\b",
    "zh": r"(?:拒收|退订)\s*请?\s*(?:回复?|发送?)\s*[A-Z]+",
}
LINK = re.compile(r"https?:|www\.|[a-z0-9-]{2,}\.(?:com|cn|net|org|shop|store|io|co)(?![a-z])|\+?\d[\d -]{7,}\d", re.I)


@cache
def limits(channel: str) -> dict[str, Any]:
    """The default placement of `channel` in the limits table."""
    found = json.loads(resources.files("campaignwright.tools").joinpath("data/copy_limits.json").read_text("utf-8"))
    return found["placements"][found["defaults"][channel]]


def width(text: str) -> int:
    """Display width: East Asian wide and full-width characters (Unicode Standard Annex 11) 2, others 1."""
    return sum(1 + (unicodedata.east_asian_width(one) in ("W", "F")) for one in text)


def segments(text: str) -> int:
    """Messages that an SMS of `text` is paid as: 160 septets, else 153 each; with any character outside GSM-7 70 UTF-16
    units, else 67 each (3GPP TS 23.038, 23.040). A character that needs two is not split."""
    gsm = set(text) <= GSM | GSM_TWO
    sizes = [2 if (one in GSM_TWO if gsm else ord(one) > 0xFFFF) else 1 for one in text]
    whole, part = (160, 153) if gsm else (70, 67)
    if sum(sizes) <= whole:
        return 1
    count, used = 1, 0
    for size in sizes:
        count, used = (count, used + size) if used + size <= part else (count + 1, size)
    return count


def too_long(text: str, rule: dict[str, Any]) -> str:
    """What is too long or too short about one text, or nothing."""
    if not text.strip():
        return "empty"
    if rule["counting"] == "sms":
        return f"{count} segments" if (count := segments(text)) > rule["max_segments"] else ""
    size = {"characters": len(text), "google": width(text), "fullwidth": (width(text) + 1) // 2}[rule["counting"]]
    if size > rule.get("max", size):
        return f"{size} of {rule['max']}"
    return "too many lines" if len(text.splitlines()) > rule.get("max_lines", 10**6) else ""


def pieces(fields: dict[str, Any]) -> list[tuple[str, str]]:
    """(field, text) of every text; lists give one an item."""
    return [(name, text) for name, value in fields.items() for text in ([value] if isinstance(value, str) else value)]


def without(text: str, facts: list[str]) -> str:
    """`text` with every one of `facts` replaced by FACT where it stands alone, not as part of a longer number, amount or word.
    Amounts come first, then the longest: a currency may stand right behind a name ("ShoeUS$20")."""
    for fact in sorted(filter(None, facts), key=lambda one: (not MONEY.search(one), -len(one))):
        word = not MONEY.search(fact)
        before = r"(?<![\d.,$£€¥%])" if fact[0].isdigit() else r"(?<![A-Za-z])" if word and re.match("[A-Za-z]", fact) else ""
        after = r"(?![\d%]|[.,]\d)" if fact[-1].isdigit() else r"(?![A-Za-z])" if re.search("[A-Za-z]$", fact) else ""
        text = re.sub(before + re.escape(fact) + after, FACT, text)
    return text


def check_form(fields: dict[str, Any], channel: str, language: str) -> list[str]:
    """Breaches of the placement: fields, items, lengths, marks, emoji, links, opt-out, unfilled slots."""
    placement, found = limits(channel), []
    for name, rule in placement["fields"].items():
        least, most = rule.get("items", (1, 1))
        count = 0 if name not in fields else 1 if isinstance(fields[name], str) else len(fields[name])
        found += [f"length: {name} has {count} items"] if not least <= count <= most else []
    for name, text in pieces(fields):
        fault = too_long(text, placement["fields"].get(name, {"counting": "characters"}))
        found += [f"length: {name} {fault}"] if fault else []
        found += [f"slot: {name} “{text}”"] if re.search(r"[{}]|\[\[|\]\]|<[a-z/]", text) else []
        banned = placement.get("punctuation", {}).get(name, "")
        found += [f"mark: {name} “{one}”" for one in banned if one in unicodedata.normalize("NFKC", text)]
    whole = "\n".join(text for _, text in pieces(fields))
    emoji = sum(unicodedata.category(one) == "So" or 0x1F000 <= ord(one) <= 0x1FAFF for one in whole)
    found += [f"emoji: {emoji} of {placement['emoji']}"] if emoji > placement["emoji"] else []
    found += [f"link: “{hit[0]}”"] if not placement["links"] and (hit := LINK.search(whole)) else []
    if "opt_out" in placement and not re.search(OPT_OUT[language], whole):
        found.append("opt-out: none")
    return found


def check_words(fields: dict[str, Any], facts: dict[str, str], offer: str, language: str) -> list[str]:
    """Numbers, dates, codes and offers that nobody supplied, and banned claims."""
    found = []
    own = [facts[name] for name in OWN_WORDS if name in facts]
    for name, text in pieces(fields):
        left, said = LIST_MARK.sub(" ", without(unicodedata.normalize("NFC", text), list(facts.values()))), without(text, own)
        found += [f"fact, {kind}: {name} “{hit[0]}” in “{text}”" for kind, pattern in UNSUPPLIED.items()
                  if (hit := re.search(pattern, left, re.I | re.M))]
        found += [f"fact, code: {name} “{hit[0]}” in “{text}”"] if "code" not in facts and (hit := CODE_WORD.search(said)) else []
        ends = facts.get("end") or FACT
        found += [f"fact, date: {name} “{hit[0]}” in “{text}”"] if ends not in text and (hit := LAST_DAY.search(said)) else []
        allowed = {offer, "half"} if {"50%", "5折"} & set(facts.values()) else {offer}
        found += [f"fact, offer: {name} “{hit[0]}” in “{text}”" for kind, pattern in CLAIMS.items()
                  if kind not in allowed and (hit := re.search(pattern, said, re.I))]
        rules = BANNED["en"] | (BANNED["zh"] if language == "zh" else {})
        found += [f"banned, {kind}: {name} “{hit[0]}” in “{text}”" for kind, pattern in rules.items()
                  if (hit := re.search(pattern, said, re.I))]
    return found


def audit(fields: dict[str, Any], facts: dict[str, str], *, channel: str, language: str, offer: str) -> list[str]:
    """Breaches of one delivered variant, each "kind: what and where"; empty when there is none.

    `fields`: the channel's texts as a reader would see them; `facts`: slot -> text of what the copy was allowed to state,
    sample values of merge tags with it. Raises KeyError for a channel that the limits table does not know.
    """
    found = check_form(fields, channel, language) + check_words(fields, facts, offer, language)
    return [breach.replace(FACT, "[fact]") for breach in found]
