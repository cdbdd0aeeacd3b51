"""What sentences about a scene may say, and how people say it: the words that are understood and their phrasings.

Each word belongs to one group, of which a scene has at most one. Phrasings come in three forms, so that templates can join
them: a phrase behind a verb or noun ("at night"), a sentence of its own ("it is dark"), and what stands before a noun or in a
list ("nocturnal"). The last of each form is held out: no head is fitted to it, so that it can be measured on it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class SceneWord:
    """A thing that a text can say of a scene. Words of one ``kind`` differ in degree only: light rain is rain too."""

    name: str
    group: str
    kind: str
    behind: tuple[str, ...]
    alone: tuple[str, ...]
    before: tuple[str, ...]


def _word(name: str, group: str, kind: str, *, behind: str, alone: str, before: str) -> SceneWord:
    """A word with its phrasings, each separated by a bar."""
    forms = {"behind": behind, "alone": alone, "before": before}
    split = {form: tuple(one.strip() for one in text.split("|")) for form, text in forms.items()}
    return SceneWord(name=name, group=group, kind=kind, **split)


#: Every word, group by group.
WORDS: tuple[SceneWord, ...] = (
    _word(
        "dawn", "time", "dawn",
        behind="at dawn | at sunrise | in the first light of the morning | just before sunrise | at daybreak",
        alone="the sun is just rising | day is breaking | dawn is coming up | the sun comes up",
        before="dawn | sunrise | early dawn twilight | daybreak",
    ),
    _word(
        "morning", "time", "morning",
        behind="in the morning | on a morning | during the morning rush hour | on the way to work in the morning | at nine in the morning",
        alone="it is morning | it is a bright morning hour | people drive to work | the morning is well under way",
        before="morning | mid-morning | morning rush hour | forenoon",
    ),
    _word(
        "day", "time", "day",
        behind="by day | at noon | in the afternoon | in the middle of the day | in broad daylight | during the day | at midday",
        alone="it is daytime | it is broad daylight | it is about noon | it is early afternoon | the sun stands high",
        before="daytime | noon | afternoon | daylight | midday",
    ),
    _word(
        "dusk", "time", "dusk",
        behind="at dusk | at sunset | in the evening | in the evening twilight | as it gets dark | at nightfall",
        alone="the sun is setting | it is getting dark | it is evening | dusk is falling | the light is fading",
        before="dusk | sunset | evening | evening twilight | dusky",
    ),
    _word(
        "night", "time", "night",
        behind="at night | by night | in the dark | in the middle of the night | around midnight | late at night | after dark",
        alone="it is night | it is dark | it is pitch black outside | it is nearly midnight | everything is dark | night has fallen",
        before="night | dark | night-time | midnight | late night | nocturnal",
    ),
    _word(
        "clear sky", "sky", "clear sky",
        behind="under a clear sky | in bright sunshine | in sunny weather | under a blue sky | in fine weather | with the sun out",
        alone="the sky is clear | the sun is shining | there are no clouds | the weather is fine | the sky is blue | there is not a cloud",
        before="sunny | clear | cloudless | bright sunny | fair weather | blue-sky",
    ),
    _word(
        "overcast", "sky", "overcast",
        behind="under an overcast sky | under grey clouds | in cloudy weather | in dull grey light | under thick clouds | with clouds overhead",
        alone="the sky is overcast | it is cloudy | clouds cover the sky | the sky is grey | heavy clouds hang low | there is no sun for clouds",
        before="overcast | cloudy | grey | gloomy grey | dull | clouded",
    ),
    _word(
        "no precipitation", "precipitation", "no precipitation",
        behind="without rain | in dry weather | without any rain or snow | with no rain at all | while no rain falls",
        alone="it is not raining | it stays dry | there is no rain | no rain or snow falls | it has stopped raining | it does not rain",
        before="rainless | dry-weather | no rain | no precipitation",
    ),
    _word(
        "light rain", "precipitation", "rain",
        behind="in light rain | in a drizzle | in a fine drizzle | in a little rain | in a sprinkle of rain | with a few drops of rain",
        alone="it is drizzling | a light rain falls | it rains a little | a few raindrops fall | it is raining lightly | it is spitting with rain",
        before="drizzly | light rain | lightly raining | drizzle | slightly rainy",
    ),
    _word(
        "rain", "precipitation", "rain",
        behind="in the rain | in rain | in rainy weather | in steady rain | during a rain shower | on a day of rain | while it rains",
        alone="it is raining | rain is falling | it rains | there is rain | the rain goes on | rain comes down",
        before="rainy | rain | raining | showery | rain-swept",
    ),
    _word(
        "heavy rain", "precipitation", "rain",
        behind="in heavy rain | in a downpour | in pouring rain | in torrential rain | in a rainstorm | in a cloudburst | during a deluge",
        alone="it is pouring | it is raining heavily | rain is lashing down | a storm brings torrents of rain | it rains hard | it buckets down",
        before="heavy rain | pouring | torrential rain | rainstorm | downpour | storm with driving rain",
    ),
    _word(
        "light snow", "precipitation", "snow",
        behind="in light snow | with a few snowflakes falling | in a light snowfall | in a little snow | in a dusting of snow",
        alone="it is snowing lightly | a few flakes of snow fall | it snows a little | light snow comes down | some snowflakes drift by",
        before="light snow | lightly snowing | slightly snowy | light snowfall",
    ),
    _word(
        "snow", "precipitation", "snow",
        behind="in the snow | in snow | in snowfall | in snowy weather | during snowfall | in wintry snow | while it snows",
        alone="it is snowing | snow is falling | it snows | there is snow in the air | snow comes down | snowflakes fall",
        before="snowy | snow | snowing | wintry snow | snowfall",
    ),
    _word(
        "heavy snow", "precipitation", "snow",
        behind="in heavy snow | in a blizzard | in a snowstorm | in dense snowfall | in heavy snowfall | in a whiteout of snow",
        alone="it is snowing heavily | a blizzard is raging | thick snow is falling | there is a snowstorm | it snows hard | snow falls thickly",
        before="heavy snow | blizzard | snowstorm | heavy snowfall | heavily snowing",
    ),
    _word(
        "dry road", "road surface", "dry road",
        behind="on a dry road | on dry asphalt | on dry tarmac | with a dry road surface | on dry ground",
        alone="the road is dry | the asphalt is dry | the surface of the road is dry | the tarmac is quite dry",
        before="dry road | dry asphalt | dry pavement | dry tarmac",
    ),
    _word(
        "damp road", "road surface", "damp road",
        behind="on a damp road | on a moist road | on a slightly wet road | on a road that is drying | on damp tarmac",
        alone="the road is damp | the asphalt is moist | the road is still a bit wet | the road surface is slightly damp",
        before="damp road | moist asphalt | slightly wet road | damp tarmac",
    ),
    _word(
        "wet road", "road surface", "wet road",
        behind="on a wet road | on wet asphalt | over puddles | on a soaked road | on a road that shines with water | with puddles on the road",
        alone="the road is wet | the asphalt is wet | there are puddles on the road | the wet road mirrors the lights | the road glistens with rain water",
        before="wet road | wet asphalt | puddles | soaked road | wet street | wet tarmac",
    ),
    _word(
        "flooded road", "road surface", "flooded road",
        behind="on a flooded road | through standing water | on a road under water | through a flood on the road | through deep water",
        alone="the road is flooded | water covers the road | the road is under water | the street has been flooded",
        before="flooded road | flooded street | inundated road | water-covered road",
    ),
    _word(
        "haze", "fog", "fog",
        behind="in haze | in light mist | in a thin mist | in slightly hazy air | through a light fog | in faint haze",
        alone="it is hazy | there is a light mist | a thin mist hangs in the air | it is slightly misty | the air is hazy",
        before="hazy | misty | light mist | haze | light fog",
    ),
    _word(
        "fog", "fog", "fog",
        behind="in fog | in the fog | through fog | in foggy weather | with fog about | in banks of fog",
        alone="it is foggy | there is fog | fog has come up | fog hides what is far away | fog hangs over the road",
        before="foggy | fog | fog-bound | foggy weather",
    ),
    _word(
        "dense fog", "fog", "fog",
        behind="in dense fog | in thick fog | through very thick fog | in fog with hardly any view | in pea-soup fog",
        alone="the fog is so dense that one hardly sees anything | thick fog hides everything | visibility is very poor for fog | one sees only a few metres in the fog",
        before="dense fog | thick fog | very foggy | impenetrable fog",
    ),
    _word(
        "street lights", "street lights", "street lights",
        behind="under street lights | under street lamps | on a lit street | in the glow of street lamps | by the light of lamp posts",
        alone="the street lights are on | lamps light the road | street lamps are lit | the road is lit by lamps",
        before="street-lit | lamp-lit | street lights on | well-lit",
    ),
    _word(
        "no street lights", "street lights", "no street lights",
        behind="without street lights | on an unlit road | with no street lamps | with the street lamps off | where no lamps stand",
        alone="there are no street lights | the street lamps are off | the road is unlit | no lamp lights the road",
        before="unlit | no street lights | lampless | unlighted",
    ),
    _word(
        "motorway", "road", "motorway",
        behind="on a motorway | on the highway | on a freeway | on the autobahn | on an interstate | on an expressway",
        alone="we are on the motorway | the highway stretches ahead | the freeway has several lanes | we drive down the interstate",
        before="motorway | highway | freeway | autobahn | expressway",
    ),
    _word(
        "rural", "road", "rural",
        behind="on a country road | in the countryside | on a rural road | between fields | on a road through farmland | on a lonely country lane",
        alone="we are in the countryside | fields lie on both sides of the road | the road leads through the country | farms pass by | meadows are all around",
        before="rural | country road | countryside | village-less country lane | farmland road",
    ),
    _word(
        "urban", "road", "urban",
        behind="in a town | in the city | downtown | on a city street | in an urban area | on a street between houses | in the city centre",
        alone="we are in town | the city is around us | houses line the street | we drive through a city | tall buildings stand on both sides",
        before="urban | city | town | downtown | inner-city",
    ),
    _word(
        "right-hand traffic", "side", "right-hand traffic",
        behind="where one drives on the right | in right-hand traffic | on the right side of the road | in a country that drives on the right",
        alone="one drives on the right here | traffic keeps to the right | cars drive on the right-hand side",
        before="right-hand traffic | driving on the right | right-side driving",
    ),
    _word(
        "left-hand traffic", "side", "left-hand traffic",
        behind="where one drives on the left | in left-hand traffic | in England, on the left side of the road | in a country that drives on the left",
        alone="one drives on the left here | traffic keeps to the left | cars drive on the left-hand side",
        before="left-hand traffic | driving on the left | left-side driving",
    ),
)  # fmt: skip

#: Groups in order, and the words of each.
GROUPS: dict[str, tuple[SceneWord, ...]] = {
    name: tuple(word for word in WORDS if word.group == name) for name in dict.fromkeys(word.group for word in WORDS)
}

#: What sentences about driving also speak of, and no word stands for.
BESIDE: tuple[str, ...] = (
    "a car cuts in from the left", "a pedestrian crosses the road", "a lorry brakes hard ahead", "we follow a white van",
    "the traffic is dense", "there is hardly any traffic", "a cyclist rides ahead of us", "the ego drives at a steady speed",
    "a bus stops at the kerb", "two cars overtake each other", "children wait behind parked cars", "an ambulance passes",
    "the car in front changes lanes", "a queue builds up", "somebody turns left at the junction", "the driver is in a hurry",
    "a red estate car comes towards us", "there are trees along the road", "a motorcycle passes on the right lane",
    "a car pulls out from the left", "we drive at 50 km/h",
    "a car overtakes us on the left", "somebody overtakes on the right", "a van stands on the left",
    "there are parked cars on the right-hand side", "a pedestrian comes from the left", "a child runs out from the right",
    "the lane to the left is free", "we change to the right lane", "the ego turns right",
    "the brake lights ahead go on", "a cyclist keeps to the left edge of the lane", "people walk on the pavement to the right",
    "an oncoming car signals left", "a blue car on the left waits", "a bus pulls out on the right",
    "the left lane is closed", "we swerve to the left", "the right lane ends",
    "a truck is parked at the side",
)  # fmt: skip

#: Sentences that say nothing about a scene.
ELSEWHERE: tuple[str, ...] = (
    "please buy bread and milk", "the committee meets on Tuesday", "she plays the violin", "prices rose by two per cent",
    "an elephant eats bananas", "my computer needs a new disk", "he wrote a letter to his aunt", "the theorem follows by induction",
    "this scenario tests the planner", "a nice scene", "something happens", "a video of a drive", "the quick brown fox jumps",
    "blue is a colour", "the recipe asks for two eggs", "our team won the match", "hello world", "a scene like the last one",
    "an interesting situation", "the usual", "make it look good", "a difficult case for the perception",
)  # fmt: skip
