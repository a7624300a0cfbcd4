"""Channels that a message takes away ("drop search ads", "no sms please", "除了邮件都行"), by the aliases of
`normalise_names`, and products that it names only to leave them out.

A channel counts as taken away when a negating word stands directly before it or, in some turns ("短信不要", "leave sms
out"), directly behind it, and nothing follows that makes it part of another thing ("no email subject over 50 characters").
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from campaignwright.market.words import CHANNELS, Channel
from campaignwright.tools.normalise_names import named_channels
from campaignwright.tools.normalise_text import clean, has_cjk

# aliases that are everyday words: taken for a channel only where that channel is spoken of anyway
_EVERYDAY = frozenset({
    "red", "sea", "text", "a text", "txt", "display", "stories", "moments", "reels", "keywords", "notifications", "pings",
    "meta", "ins", "keyword", "展示", "关键词", "有件", "红薯", "薯条", "威信", "发信", "硬广", "图片广告", "聚光", "社交", "搜索",
})
_FILL = (
    r"(?:(?:any|the|our|my|more|all|those|these|an?|on|by|via|through|in|using|use|sending|send|doing|do|running|run|want|need|"
    r"include|including|have|for|to|me|them|spending|spend|money|anything|advertising|advertise|bothering|bother|with|paid|of)\s+)"
    r"{0,6}"
)
_NO = r"(?:no|without|not|never|neither|nor|no longer|(?:do|does|did|should|would|wo|ca)(?:n't|nt)|cannot|minus)\s+"
_DROP = (
    r"(?:drop|remov|skip|exclud|ditch|los|cut|kill|stopp?|paus|avoid|scrap|cancel|eliminat|leav|tak|turn|switch|forget|hold)"
    r"(?:p?ing|e|l?ing)?(?:\s+(?:out|off|back|away|about))?\s+|get(?:ting)? rid of\s+"
)
_EXCEPT = (
    r"(?:except(?:ing)?(?:\s+for)?|apart from|aside from|other than|(?:all|anything|everything|everywhere|every channel|"
    r"any channel|channels?)\s+but)\s+"
)
_ZH_NO = (
    r"(?:(?<!要)不要再?|(?<!用)不用|不发|不投|不做|不走|不想|不需要|无需|不含|不包[括含]|不考虑|没有|(?<![特区级个分性])别(?![的人家])再?|"
    r"(?<!发)不推)"
)
_ZH_DROP = r"(?:去掉|去除|取消|砍掉|删掉|删除|删去|撤掉|停掉|停用|停止|停了|关掉|关闭|排除|剔除|移除|拿掉|避开|扣掉|省掉)"
_ZH_FILL = r"(?:任何|所有|再|用|发送|发|做|走|投放|投|上|加|安排|通过|给我|那个|这个|了|个)*\s*"
_BEFORE = re.compile(
    rf"(?:(?P<except>\b{_EXCEPT}|(?<!删)(?<!去)(?<!移)除了?\s*)|(?P<drop>\b(?:{_DROP})|{_ZH_DROP})|(?P<no>\b{_NO}|{_ZH_NO}))"
    rf"(?:{_FILL}|{_ZH_FILL})$"
)
_TWICE = re.compile(
    r"(?:\b(?:not|never|don't|dont|won't|can't|cannot|shouldn't|without|no need)(?:\s+(?:want|need|have|wish))?(?:\s+to)?|不要|别|"
    r"(?<!用)不用|不必|无需|(?<!能)不能|不想|不应该?|没必要)\s*$"
)
_PEOPLE = re.compile(r"\b(?:customers?|people|those|who|that|shoppers?|users?|subscribers?|buyers?|anyone)(?:\s+(?:are|is|do|have))?\s*$")
_WHY = re.compile(r"\bwhy\b|为什么|为啥|怎么(?:没|不)")
_AT_TIMES = re.compile(r"(?:晚上|夜里|夜间|深夜|半夜|凌晨|早上|上午|下午|中午|周末|平时|节假日)$")
_DENIED = re.compile(r"\b(?:no|not|never|nothing|nobody|without|\w+n't|dont|nowhere)\b|不|别|没|" + rf"\b(?:{_DROP})|{_ZH_DROP}")
_ADDED = re.compile(r"\b(?:also|too|as well)\b|还|也要|也用|也发|都不|都别|不要|不用|去掉|没")
_ADDING = re.compile(
    r"(?:\badd(?:ing)?\s+(?:(?:the|our|some|an?|in|on|also|back)\s+)*|(?:再?加[上个入]|再加(?:一个)?|增加|加)\s*)$"
)
_NOT_ADDING = re.compile(
    r"(?:\b(?:not|\w+n't|never|stop|without|need to|should (?:i|we)|did you|if (?:i|we|you))\s+|[不别没]用?|不要|如果|为什么|为啥)$"
)
_END = r"\s*(?:$|[,.;:!?。、()\n\"'\-/])"
_THING = r"\s*(?:ads?|advertising|adverts?|channels?|campaigns?|messages?|marketing|blasts?|sends?|spend|渠道|广告|投放|营销|推广)?"
_AFTER = re.compile(
    rf"{_THING}(?:{_END}|\s+(?:and|or|nor|but|please|pls|plz|thanks|thank|this|for|at all|at this|from|in (?:this|the (?:plan|mix|"
    r"campaign))|anymore|any more|any longer|either|though|now|as|because|since|so|to(?! (?:a |half|about|around|under|below)|\s*[$€£¥]?\d)"
    r"|instead|use|using|keep|only|just|it|they|we|i|our|with|altogether|entirely|completely|again|then|with|out|off|away|"
    r"is|are|will|would|works?|should)\b)"
)
_ZH_AFTER = re.compile(
    rf"{_THING}(?!\s*(?:的(?!渠道|广告)|标题|内容|模板|文案|主题|正文|里|中|时间|频|太|超过|多于|轰炸|预算|花费|占比|签名|落款|价格|"
    r"次数|数量|到\d|降|减|长|写|标|价|上的|上面|也要|打开|点击))"
)
_PART = re.compile(rf"^{_THING}\s+(?:out|off|away)\b")
_SPLIT_VERB = re.compile(r"\b(?:leave|take|turn|switch|leaving|taking|turning|switching)\s+(?:the\s+|our\s+)?$")
_BEHIND = re.compile(
    rf"^{_THING}\s*(?:那块)?(?:就|都|也|先|一律|全都?|统统)*(?:不要|不用|不发|不投|不做|别发|别用|别投|别要|免了|算了|不需要|{_ZH_DROP})"
    rf"(?:了|吧|掉|啦|哈)*{_END}"
)
_JOIN = re.compile(
    r"\s*,?\s*(?:(?:and|or|nor|&|/|\+|和|跟|与|及|以及|或者?|还有|、|,)\s*)+(?:(?:the|our|any|an?|by|on|via)\s+|用|发)*"
)
_EVERYTHING = re.compile(r"\b(?:everything|everywhere|anything|(?:every|any) channel|all (?:the )?(?:other )?channels|all)(?: is| goes|'s)?"
                         r"(?: fine| ok(?:ay)?)?\s+(?:but|except|apart|aside|other)\b|\bany(?: channel)? except\b")
_ZH_OTHERS = r"(?:以外|之外|外)?的?\s*,?\s*(?:其他|其它|别的|什么|任何|所有|渠道|的)*(?:都|全部?|随便|任何|所有|什么)"
_ZH_EVERYTHING = re.compile(_ZH_OTHERS + r"(?:行|可以|用|要|上|能|成|好|$|[,.;。])")


@dataclass(frozen=True)
class LeftOut:
    """The channels a message takes away, and whether it asks for every other one ("everything except email")."""

    channels: list[Channel]
    everything_else: bool = False


def left_out(request: str, spoken_of: list[Channel]) -> LeftOut:
    """What the message takes away. `spoken_of`: the channels of the brief, the plan and this call, which decide whether an
    everyday word ("red", "text") is meant as a channel."""
    text = "\n".join(map(clean, request.splitlines()))
    gone: list[Channel] = []
    everything = False
    for chain in _chains(text, spoken_of):
        names = _before(text, chain) or _behind(text, chain)
        everything |= bool(names) and _everything(text, chain, len(names))
        gone += names
    return LeftOut(list(dict.fromkeys(gone)), everything)


def added(request: str, spoken_of: list[Channel]) -> list[Channel]:
    """The channels that come to those used: "add SMS", "再加上短信"."""
    text = "\n".join(map(clean, request.splitlines()))
    found = []
    for chain in _chains(text, spoken_of):
        verb = _ADDING.search(text[: chain[0][0]])
        if verb and not _NOT_ADDING.search(text[: verb.start()]) and _follows(text, chain[-1][1]):
            found += [name for _, _, name in chain]
    return found


def _chains(text: str, spoken_of: list[Channel]) -> list[list[tuple[int, int, Channel]]]:
    """The channels of a text, those of one enumeration together."""
    chains: list[list[tuple[int, int, Channel]]] = []
    for start, end, name in named_channels(text):
        if text[start:end] in _EVERYDAY and name not in spoken_of:
            continue
        if chains and _JOIN.fullmatch(text, chains[-1][-1][1], start):
            chains[-1].append((start, end, name))
        else:
            chains.append([(start, end, name)])
    return chains


def _before(text: str, chain: list[tuple[int, int, Channel]]) -> list[Channel]:
    """The first channels of an enumeration that a negating word stands before."""
    before = text[: chain[0][0]]
    found = _BEFORE.search(before)
    if not found or _kept(text, before[: found.start()], found, chain):
        return []
    for size in range(_reach(text, chain, found), 0, -1):
        end = chain[size - 1][1]
        split = _SPLIT_VERB.search(before)
        if _PART.match(text[end:]) if split else _follows(text, end):
            return [name for _, _, name in chain[:size]]
    return []


def _kept(text: str, before: str, found: re.Match, chain: list[tuple[int, int, Channel]]) -> bool:
    """Whether the negation is itself denied ("don't drop email"), asked about, or says something else."""
    clause = re.split(r"[,.;!?。\n]", before)[-1]
    if _WHY.search(clause) or _PEOPLE.search(before) or _AT_TIMES.search(before):
        return True
    if found["drop"]:
        return bool(_TWICE.search(before))
    if not found["except"]:
        return False
    rest = re.split(r"[.;!?。\n]", text[chain[-1][1] :])[0]
    if found["except"].startswith("除"):
        return not re.match(_ZH_OTHERS + r"|(?:以外|之外|外)?的?,?(?=.{0,8}都)", rest) or bool(_ADDED.search(rest))
    return bool(_DENIED.search(clause) or _ADDED.search(rest.split(",")[0]))


def _reach(text: str, chain: list[tuple[int, int, Channel]], found: re.Match) -> int:
    """How many channels of the enumeration the negating word may cover: "drop a, b and c" three, "no a, b and c" one,
    "no a, b or c" three."""
    gaps = [text[left[1] : right[0]] for left, right in zip(chain, chain[1:], strict=False)]
    comma = next((i for i, gap in enumerate(gaps) if "," in gap), None)
    if comma is None or re.search(r"\b(?:or|nor)\b|或", gaps[-1]) or (not found["no"] and re.search(r"\band\b|&|和", gaps[-1])):
        return len(chain)
    return comma + 1


def _follows(text: str, end: int) -> bool:
    """Whether the channel ends there: it is no part of another thing ("email subject")."""
    rest = text[end:]
    if re.match(r"\s*[a-z0-9]", rest) or not has_cjk(rest[:3]):
        return bool(_AFTER.match(rest))
    return bool(_ZH_AFTER.match(rest))


def _behind(text: str, chain: list[tuple[int, int, Channel]]) -> list[Channel]:
    """The last channels of an enumeration that a negating word stands behind: "短信和推送都不要"."""
    if not _BEHIND.match(text[chain[-1][1] :]) or re.search(r"除了?\s*$", text[: chain[0][0]]):
        return []
    gaps = [text[left[1] : right[0]] for left, right in zip(chain, chain[1:], strict=False)]
    first = max((i + 1 for i, gap in enumerate(gaps) if "," in gap), default=0)
    return [name for _, _, name in chain[first:]]


def _everything(text: str, chain: list[tuple[int, int, Channel]], size: int) -> bool:
    """Whether all others are wanted: "everything except email", "除了邮件都行"."""
    clause = re.split(r"[,.;!?。\n]", text[: chain[0][0]])[-1]
    if re.search(r"除了?\s*$", clause):
        return bool(_ZH_EVERYTHING.match(text[chain[size - 1][1] :]))
    return bool(_EVERYTHING.search(clause)) and not re.search(r"\b(?:keep|same|leave|stays?|hold)\b", clause)


def without(channels: list[Channel], gone: list[Channel]) -> list[Channel]:
    """The channels less those taken away; all channels where none are named."""
    return [name for name in channels or CHANNELS if name not in gone]


def product_left_out(product: str, request: str) -> bool:
    """Whether the message names the product only to leave it out: "everything but coffee", "不要护肤品"."""
    name = re.escape(product.lower())
    out = (
        r"\b(?:leave|leaving|cut) out|\bexcept(?: for)?|\bexclud(?:e|ing)|\b(?:every\w*|all|any\w*|whatever|(?:whole|entire|full) \w+)"
        r"(?: (?!(?:is|are|was|were)\b)\w+){0,4},? but|"
        r"\bbut not|\bwithout|\bskip|\bno|"
        r"(?<!why )\bnot|不要|不含|排除|除了|别推|不推"
    )
    others = "其他|其它|其余|别的|剩下|所有|全部|都"
    addition = rf"除了\s*{name}(?=(?:以外|之外|外)?[,，]?(?:(?!{others})[^。；;]){{0,10}}(?:也|还(?!剩|可以)))"
    text = re.sub(addition, name, request.lower())
    return bool(re.search(rf"(?:{out})\s*(?:the |our |any )?{name}", text)) and len(re.findall(name, text)) == 1
