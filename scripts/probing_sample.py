"""Write assets/probing/sample.conllu: sentences from frames with hand-written trees, filled with words.

A frame is a line of words, each as form/upos/head/relation[/features]; heads count from 1, 0 is the root. A form in
angle brackets is a slot: <N1> and <N4> are people, other <N> things, <V> verbs with an object and <I> without, <A>
adjectives, each in the number and tense that its features ask for.
"""

import random
import re
import sys
from pathlib import Path

OUT = Path(__file__).resolve().parents[1] / "assets" / "probing" / "sample.conllu"
PER_FRAME = 6
PEOPLE = (
    ("teacher", "teachers"), ("child", "children"), ("farmer", "farmers"), ("woman", "women"), ("driver", "drivers"),
    ("painter", "painters"), ("neighbour", "neighbours"), ("doctor", "doctors"), ("nurse", "nurses"), ("boy", "boys"),
    ("guest", "guests"), ("thief", "thieves"), ("queen", "queens"), ("sailor", "sailors"),
)  # fmt: skip
THINGS = (
    ("letter", "letters"), ("boat", "boats"), ("window", "windows"), ("key", "keys"), ("garden", "gardens"),
    ("bridge", "bridges"), ("lamp", "lamps"), ("apple", "apples"), ("picture", "pictures"), ("train", "trains"),
    ("tent", "tents"), ("bench", "benches"), ("knife", "knives"), ("leaf", "leaves"), ("box", "boxes"),
)  # fmt: skip
TRANSITIVE = (  # lemma, third person, past, participle, with -ing
    ("find", "finds", "found", "found", "finding"), ("paint", "paints", "painted", "painted", "painting"),
    ("carry", "carries", "carried", "carried", "carrying"), ("see", "sees", "saw", "seen", "seeing"),
    ("open", "opens", "opened", "opened", "opening"), ("buy", "buys", "bought", "bought", "buying"),
    ("draw", "draws", "drew", "drawn", "drawing"), ("lose", "loses", "lost", "lost", "losing"),
    ("admire", "admires", "admired", "admired", "admiring"), ("repair", "repairs", "repaired", "repaired", "repairing"),
)  # fmt: skip
INTRANSITIVE = (
    ("sleep", "sleeps", "slept", "slept", "sleeping"), ("wait", "waits", "waited", "waited", "waiting"),
    ("laugh", "laughs", "laughed", "laughed", "laughing"), ("arrive", "arrives", "arrived", "arrived", "arriving"),
    ("work", "works", "worked", "worked", "working"), ("fall", "falls", "fell", "fallen", "falling"),
    ("wander", "wanders", "wandered", "wandered", "wandering"),
)  # fmt: skip
SAYING = (
    ("say", "says", "said", "said", "saying"), ("think", "thinks", "thought", "thought", "thinking"),
    ("know", "knows", "knew", "known", "knowing"), ("believe", "believes", "believed", "believed", "believing"),
)  # fmt: skip
GIVING = (
    ("give", "gives", "gave", "given", "giving"), ("send", "sends", "sent", "sent", "sending"),
    ("show", "shows", "showed", "shown", "showing"),
)  # fmt: skip
TRYING = (
    ("try", "tries", "tried", "tried", "trying"), ("want", "wants", "wanted", "wanted", "wanting"),
    ("begin", "begins", "began", "begun", "beginning"),
)  # fmt: skip
VERBS = {"V": TRANSITIVE, "I": INTRANSITIVE, "S": SAYING, "G": GIVING, "T": TRYING}
ADJECTIVES = ("old", "small", "green", "quiet", "heavy", "bright", "narrow", "tired", "clever", "broken", "warm", "new")
ADVERBS = ("slowly", "quietly", "often", "carefully", "gladly", "rarely")
PLACES = ("near", "behind", "under", "beside", "above")
NAMES = ("Anna", "Omar", "Lena", "Viktor", "Mira", "Paul", "Oslo", "Lisbon")
LEMMAS = {
    "is": "be", "are": "be", "was": "be", "were": "be", "been": "be", "being": "be", "has": "have", "have": "have",
    "had": "have", "did": "do", "does": "do", "do": "do", "n't": "not", "An": "a", "an": "a", "these": "this",
    "those": "that", "These": "this", "Those": "that", "they": "they", "them": "they", "their": "their",
    "she": "she", "her": "her", "he": "he", "him": "he", "his": "his", "me": "I", "us": "we", "better": "well",
    "children": "child", "went": "go",
}  # fmt: skip
S, P, F = "Number=Sing", "Number=Plur", "VerbForm=Fin"
IS = f"Mood=Ind|{S}|Person=3|Tense=Pres|{F}"
ARE = f"Mood=Ind|{P}|Person=3|Tense=Pres|{F}"
WAS = f"Mood=Ind|{S}|Person=3|Tense=Past|{F}"
WERE = f"Mood=Ind|{P}|Person=3|Tense=Past|{F}"
FRAMES = f"""
The/DET/2/det <N1>/NOUN/3/nsubj/{S} <V1>/VERB/0/root/{IS} the/DET/5/det <N2>/NOUN/3/obj/{S} ./PUNCT/3/punct
The/DET/2/det <N1>/NOUN/3/nsubj/{P} <V1>/VERB/0/root/{ARE} the/DET/6/det <A1>/ADJ/6/amod <N2>/NOUN/3/obj/{P} ./PUNCT/3/punct
A/DET/3/det <A1>/ADJ/3/amod <N1>/NOUN/4/nsubj/{S} <V1>/VERB/0/root/{WAS} two/NUM/6/nummod <N2>/NOUN/4/obj/{P} ./PUNCT/4/punct
Some/DET/2/det <N1>/NOUN/3/nsubj/{P} <I1>/VERB/0/root/{WERE} <R1>/ADV/3/advmod ./PUNCT/3/punct
The/DET/3/det <A1>/ADJ/3/amod <N1>/NOUN/4/nsubj/{S} <I1>/VERB/0/root/{IS} ./PUNCT/4/punct
These/DET/2/det/{P} <N1>/NOUN/3/nsubj/{P} <I1>/VERB/0/root/{ARE} <P1>/ADP/6/case the/DET/6/det <N2>/NOUN/3/obl/{S} ./PUNCT/3/punct
The/DET/2/det <N1>/NOUN/6/nsubj/{S} <P1>/ADP/5/case the/DET/5/det <N2>/NOUN/2/nmod/{P} <I1>/VERB/0/root/{IS} ./PUNCT/6/punct
The/DET/2/det <N1>/NOUN/6/nsubj/{P} <P1>/ADP/5/case the/DET/5/det <N2>/NOUN/2/nmod/{S} <I1>/VERB/0/root/{WERE} <R1>/ADV/6/advmod ./PUNCT/6/punct
The/DET/2/det <N1>/NOUN/4/nsubj/{S} is/AUX/4/cop/{IS} <A1>/ADJ/0/root ./PUNCT/4/punct
The/DET/2/det <N1>/NOUN/5/nsubj/{P} were/AUX/5/cop/{WERE} very/ADV/5/advmod <A1>/ADJ/0/root ./PUNCT/5/punct
<M1>/PROPN/5/nsubj/{S} was/AUX/5/cop/{WAS} a/DET/5/det <A1>/ADJ/5/amod <N1>/NOUN/0/root/{S} ./PUNCT/5/punct
The/DET/2/det <N2>/NOUN/4/nsubj:pass/{S} was/AUX/4/aux:pass/{WAS} <V1>/VERB/0/root/Tense=Past|VerbForm=Part by/ADP/7/case the/DET/7/det <N1>/NOUN/4/obl/{P} ./PUNCT/4/punct
Those/DET/2/det/{P} <N2>/NOUN/4/nsubj:pass/{P} are/AUX/4/aux:pass/{ARE} <V1>/VERB/0/root/Tense=Past|VerbForm=Part every/DET/6/det day/NOUN/4/obl/{S} ./PUNCT/4/punct
The/DET/2/det <N1>/NOUN/7/nsubj/{S} that/PRON/6/obj the/DET/5/det <N4>/NOUN/6/nsubj/{P} <V1>/VERB/2/acl:relcl/{WERE} <I1>/VERB/0/root/{IS} ./PUNCT/7/punct
The/DET/2/det <N1>/NOUN/7/nsubj/{P} who/PRON/4/nsubj <V1>/VERB/2/acl:relcl/{ARE} the/DET/6/det <N2>/NOUN/4/obj/{S} <I1>/VERB/0/root/{WERE} ./PUNCT/7/punct
<M1>/PROPN/2/nsubj/{S} <S1>/VERB/0/root/{WAS} that/SCONJ/6/mark the/DET/5/det <N1>/NOUN/6/nsubj/{S} <I1>/VERB/2/ccomp/{WAS} ./PUNCT/2/punct
The/DET/2/det <N1>/NOUN/3/nsubj/{P} <S1>/VERB/0/root/{ARE} that/SCONJ/7/mark the/DET/6/det <N4>/NOUN/7/nsubj/{P} <V1>/VERB/3/ccomp/{ARE} <N3>/NOUN/7/obj/{P} ./PUNCT/3/punct
The/DET/2/det <N1>/NOUN/3/nsubj/{S} <T1>/VERB/0/root/{WAS} to/PART/5/mark <V1>/VERB/3/xcomp/VerbForm=Inf the/DET/7/det <N2>/NOUN/5/obj/{S} ./PUNCT/3/punct
The/DET/2/det <N1>/NOUN/3/nsubj/{P} <T1>/VERB/0/root/{ARE} to/PART/5/mark <I1>/VERB/3/xcomp/VerbForm=Inf ./PUNCT/3/punct
The/DET/2/det <N1>/NOUN/3/nsubj/{S} <G1>/VERB/0/root/{IS} the/DET/5/det <N4>/NOUN/3/iobj/{P} a/DET/8/det <A1>/ADJ/8/amod <N3>/NOUN/3/obj/{S} ./PUNCT/3/punct
<M1>/PROPN/2/nsubj/{S} <G1>/VERB/0/root/{WAS} the/DET/4/det <N2>/NOUN/2/obj/{P} to/ADP/7/case her/PRON/7/nmod:poss/{S} <N1>/NOUN/2/obl/{S} ./PUNCT/2/punct
The/DET/2/det <N1>/NOUN/6/nsubj/{S} and/CCONJ/5/cc the/DET/5/det <N4>/NOUN/2/conj/{S} <I1>/VERB/0/root/{WERE} ./PUNCT/6/punct
The/DET/2/det <N1>/NOUN/3/nsubj/{P} <I1>/VERB/0/root/{ARE} and/CCONJ/7/cc the/DET/6/det <N4>/NOUN/7/nsubj/{P} <I2>/VERB/3/conj/{ARE} ./PUNCT/3/punct
The/DET/2/det <N1>/NOUN/3/nsubj/{S} <V1>/VERB/0/root/{WAS} the/DET/5/det <N2>/NOUN/3/obj/{S} because/SCONJ/8/mark it/PRON/8/nsubj/{S} <I1>/VERB/3/advcl/{WAS} ./PUNCT/3/punct
When/SCONJ/4/mark the/DET/3/det <N1>/NOUN/4/nsubj/{P} <I1>/VERB/8/advcl/{WERE} ,/PUNCT/4/punct the/DET/7/det <N4>/NOUN/8/nsubj/{P} <I2>/VERB/0/root/{WERE} ./PUNCT/8/punct
If/SCONJ/3/mark it/PRON/3/nsubj/{S} <I1>/VERB/8/advcl/{IS} ,/PUNCT/3/punct the/DET/6/det <N1>/NOUN/8/nsubj/{S} <R1>/ADV/8/advmod <V1>/VERB/0/root/{IS} the/DET/10/det <N2>/NOUN/8/obj/{P} ./PUNCT/8/punct
Does/AUX/4/aux/{IS} the/DET/3/det <N1>/NOUN/4/nsubj/{S} <V1>/VERB/0/root/VerbForm=Inf the/DET/6/det <N2>/NOUN/4/obj/{S} ?/PUNCT/4/punct
Did/AUX/4/aux/{WERE} those/DET/3/det/{P} <N1>/NOUN/4/nsubj/{P} <I1>/VERB/0/root/VerbForm=Inf <P1>/ADP/7/case the/DET/7/det <N2>/NOUN/4/obl/{S} ?/PUNCT/4/punct
Where/ADV/5/advmod do/AUX/5/aux/{ARE} the/DET/4/det <N1>/NOUN/5/nsubj/{P} <I1>/VERB/0/root/VerbForm=Inf ?/PUNCT/5/punct
What/PRON/5/obj did/AUX/5/aux/{WAS} the/DET/4/det <N1>/NOUN/5/nsubj/{S} <V1>/VERB/0/root/VerbForm=Inf ?/PUNCT/5/punct
The/DET/2/det <N1>/NOUN/5/nsubj/{S} does/AUX/5/aux/{IS} not/PART/5/advmod <V1>/VERB/0/root/VerbForm=Inf any/DET/7/det <N2>/NOUN/5/obj/{P} ./PUNCT/5/punct
The/DET/2/det <N1>/NOUN/5/nsubj/{P} did/AUX/5/aux/{WERE} not/PART/5/advmod <I1>/VERB/0/root/VerbForm=Inf ./PUNCT/5/punct
The/DET/2/det <N1>/NOUN/4/nsubj/{S} can/AUX/4/aux/VerbForm=Fin <V1>/VERB/0/root/VerbForm=Inf a/DET/6/det <N2>/NOUN/4/obj/{S} ./PUNCT/4/punct
There/PRON/2/expl is/VERB/0/root/{IS} a/DET/5/det <A1>/ADJ/5/amod <N1>/NOUN/2/nsubj/{S} <P1>/ADP/8/case the/DET/8/det <N2>/NOUN/2/obl/{S} ./PUNCT/2/punct
There/PRON/2/expl were/VERB/0/root/{WERE} three/NUM/4/nummod <N1>/NOUN/2/nsubj/{P} <P1>/ADP/7/case the/DET/7/det <N2>/NOUN/2/obl/{S} ./PUNCT/2/punct
His/PRON/2/nmod:poss/{S} <N1>/NOUN/4/nsubj/{S} has/AUX/4/aux/{IS} <V1>/VERB/0/root/Tense=Past|VerbForm=Part the/DET/6/det <N2>/NOUN/4/obj/{P} ./PUNCT/4/punct
Their/PRON/2/nmod:poss/{P} <N1>/NOUN/4/nsubj/{P} had/AUX/4/aux/{WERE} <I1>/VERB/0/root/Tense=Past|VerbForm=Part before/ADP/6/case noon/NOUN/4/obl/{S} ./PUNCT/4/punct
The/DET/2/det <N1>/NOUN/4/nsubj/{S} is/AUX/4/aux/{IS} <V1>/VERB/0/root/Tense=Pres|VerbForm=Part <N2>/NOUN/4/obj/{P} again/ADV/4/advmod ./PUNCT/4/punct
The/DET/2/det <N1>/NOUN/4/nsubj/{P} were/AUX/4/aux/{WERE} <I1>/VERB/0/root/Tense=Pres|VerbForm=Part <P1>/ADP/8/case an/DET/8/det old/ADJ/8/amod <N2>/NOUN/4/obl/{S} ./PUNCT/4/punct
<V1>/VERB/0/root/Mood=Imp|VerbForm=Fin the/DET/3/det <N2>/NOUN/1/obj/{S} before/SCONJ/6/mark you/PRON/6/nsubj leave/VERB/1/advcl/{F} ./PUNCT/1/punct
They/PRON/2/nsubj/{P} <V1>/VERB/0/root/{ARE} it/PRON/2/obj/{S} and/CCONJ/5/cc <V2>/VERB/2/conj/{ARE} the/DET/7/det <N2>/NOUN/5/obj/{P} ./PUNCT/2/punct
She/PRON/2/nsubj/{S} <V1>/VERB/0/root/{WAS} the/DET/5/det <A1>/ADJ/5/amod <N2>/NOUN/2/obj/{S} of/ADP/8/case the/DET/8/det <N1>/NOUN/5/nmod/{P} ./PUNCT/2/punct
In/ADP/2/case <C1>/PROPN/5/obl/{S} ,/PUNCT/2/punct <M1>/PROPN/5/nsubj/{S} <V1>/VERB/0/root/{WAS} a/DET/8/det <A1>/ADJ/8/amod <N2>/NOUN/5/obj/{S} in/ADP/10/case 1998/NUM/5/obl ./PUNCT/5/punct
The/DET/4/det <A1>/ADJ/4/amod <A2>/ADJ/4/amod <N1>/NOUN/5/nsubj/{S} <V1>/VERB/0/root/{IS} the/DET/7/det <N2>/NOUN/5/obj/{P} ,/PUNCT/10/punct the/DET/10/det <N3>/NOUN/7/conj/{P} and/CCONJ/13/cc the/DET/13/det <N5>/NOUN/7/conj/{P} of/ADP/16/case the/DET/16/det <N4>/NOUN/13/nmod/{S} ./PUNCT/5/punct
"""  # noqa: E501
NO_SPACE_BEFORE = {".", ",", "?"}
Word = list[str]


def slots(generator: random.Random) -> dict[str, str | tuple[str, ...]]:
    """Draw a word for every slot; no two nouns, adjectives or verbs of one kind are the same."""
    found: dict[str, str | tuple[str, ...]] = {}
    people, things = generator.sample(list(PEOPLE), 2), generator.sample(list(THINGS), 3)
    found |= dict(zip(("N1", "N4", "N2", "N3", "N5"), (*people, *things), strict=True))
    for letter, words in (("A", ADJECTIVES), ("R", ADVERBS), ("P", PLACES), *VERBS.items()):
        drawn = generator.sample(list(words), 2)
        found |= {f"{letter}{number}": word for number, word in enumerate(drawn, start=1)}
    found["M1"], found["C1"] = generator.choice(NAMES[:6]), generator.choice(NAMES[6:])
    return found


def filled(word: str, drawn: dict[str, str | tuple[str, ...]]) -> Word:
    """Give form, lemma, part of speech, features, head and relation of one word of a frame."""
    form, upos, head, relation, *rest = word.split("/")
    features = rest[0] if rest else "_"
    slot = re.fullmatch(r"<(\w\d)>", form)
    if slot is None:
        lower = form if form in ("I",) else form.lower()
        return [form, LEMMAS.get(lower, lower), upos, features, head, relation]
    value = drawn[slot[1]]
    if isinstance(value, str):
        return [value, value, upos, features, head, relation]
    if slot[1].startswith("N"):
        return [value[1] if "Plur" in features else value[0], value[0], upos, features, head, relation]
    return [inflected(value, features), value[0], upos, features, head, relation]


def inflected(verb: tuple[str, ...], features: str) -> str:
    """Give the form of a verb that its features ask for."""
    base, third, past, participle, going = verb
    if "VerbForm=Part" in features:
        return going if "Tense=Pres" in features else participle
    if "Tense=Past" in features:
        return past
    return third if "Tense=Pres" in features and "Number=Sing" in features else base


def block(number: int, words: list[Word]) -> str:
    """Write one sentence."""
    words[0][0] = words[0][0][0].upper() + words[0][0][1:]
    has_space = [after[0] not in NO_SPACE_BEFORE for after in words[1:]] + [True]
    text = "".join(word[0] + (" " if space else "") for word, space in zip(words, has_space, strict=True)).strip()
    lines = [f"# sent_id = sample-{number:03d}", f"# text = {text}"]
    for place, ((form, lemma, upos, features, head, relation), space) in enumerate(
        zip(words, has_space, strict=True), start=1
    ):
        misc = "_" if space else "SpaceAfter=No"
        ordered = "|".join(sorted(features.split("|"))) if features != "_" else "_"
        lines.append(f"{place}\t{form}\t{lemma}\t{upos}\t_\t{ordered}\t{head}\t{relation}\t_\t{misc}")
    return "\n".join(lines)


def sample() -> str:
    """Make all sentences, each once."""
    generator = random.Random(7)
    seen: set[str] = set()
    blocks: list[str] = []
    for frame in FRAMES.strip().splitlines():
        made = 0
        while made < PER_FRAME:
            drawn = slots(generator)
            words = [filled(word, drawn) for word in frame.split(" ")]
            text = " ".join(word[0] for word in words)
            if text not in seen:
                seen.add(text)
                made += 1
                blocks.append(block(len(blocks) + 1, words))
    return "\n\n".join(blocks) + "\n\n"


if __name__ == "__main__":
    OUT.write_text(sample(), encoding="utf-8")
    sys.stdout.write(f"{OUT} has {sample().count('# text =')} sentences\n")
