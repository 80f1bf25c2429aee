import { hash, randomInt } from 'node:crypto'

/** Graphemes of a name at most. */
const MAX_NAME = 32
/** UTF-16 units of a name at most: a grapheme can be made of many. */
const MAX_UNITS = 128

const ADJECTIVES = `amber ample apt arctic autumn azure balmy bold brave bright brisk bronze calm candid cheery
chilly civic clear clever coastal cobalt copper coral cosmic cosy crisp curious daring dawn deep deft dewy dusky eager early
earnest easy elder ember equal even fair famous fancy fast fern fine first fleet fond free fresh frosty gentle giant gifted
glad golden good grand green happy hardy hazel hearty honest humble icy indigo ivory jade jolly jovial keen kind lapis
lively loyal lucid lucky lunar mellow merry mighty mild mint misty modest mossy neat new nimble noble north novel oaken olive
open opal patient peach pearl plucky polar polite proud quick quiet rapid ready red robust rosy royal ruby rustic sage sandy
scarlet serene sharp shiny silent silver sincere sleek smart snowy solar sound spry stable starry steady still stoic sunny
super sure swift tawny teal tender tidy topaz true trusty umber upbeat urban valiant velvet verdant vivid warm wild willing
windy winter wise witty young zesty`.split(/\s+/)

const ANIMALS = `adder albatross alpaca ant antelope badger bat bear beaver bee beetle bison bittern boar bobcat buffalo
bunting camel canary caribou cat cheetah chough cicada civet clam cobra cod condor coot coyote crab crane cricket crow cuckoo
curlew deer dingo dipper dolphin donkey dove dragonfly duck dunlin eagle eel egret eland elk emu ermine falcon ferret finch
firefly fox frog gannet gazelle gecko gerbil gibbon giraffe gnu goat goose gopher grebe grouse gull hamster hare hawk hedgehog
heron herring hoopoe hornet horse ibex ibis iguana jackal jackdaw jaguar jay kestrel kingfisher kite kiwi koala lapwing lark
lemming lemur leopard linnet lion lizard llama lobster lynx macaw magpie mallard manatee marmot marten martin meerkat merlin
mink minnow mole mongoose moose moth mouse mule newt nuthatch ocelot octopus orca oriole osprey ostrich otter owl ox oyster
panda panther parrot partridge pelican penguin perch petrel pheasant pigeon pika pike pipit plover pony porpoise puffin puma
python quail rabbit raccoon ram raven redstart reindeer robin rook sable salmon sandpiper seal serval shark sheep shrew shrike
skua skylark sloth snail snipe sparrow spider spoonbill squid squirrel starling stoat stork swallow swan swift tapir teal tern
thrush tiger toad toucan trout turtle viper vole wagtail walrus warbler weasel whale wigeon wolf wombat woodcock wren yak
zebra`.split(/\s+/)

/**
 * A friendly name such as `amber-fox`.
 * @param free whether nobody has a name, which is then taken; asked until it is so
 */
export async function generateName (free: (name: string) => Promise<boolean>): Promise<string> {
  for (let attempt = 0; ; attempt++) {
    const name = `${pick(ADJECTIVES)}-${pick(ANIMALS)}${attempt < 10 ? '' : `-${randomInt(2, 10 ** (attempt - 8))}`}`
    if (await free(name)) return name
  }
}

function pick (words: readonly string[]): string {
  return words[randomInt(words.length)]!
}

/** Without letters and digits that are taken for one another. */
const TAG_LETTERS = '23456789abcdefghjkmnpqrstuvwxyz'

/** The tag that goes with a user's id: it stays through every rename. One of 31⁶, so that nobody gets another's by trying. */
export function tagOf (userId: string): string {
  const digest = hash('sha256', userId, 'buffer')
  return Array.from({ length: 6 }, (_, i) => TAG_LETTERS[digest.readUInt32BE(4 * i) % TAG_LETTERS.length]).join('')
}

/** What somebody is called who has no name, or none that is to be seen. */
export function nameless (tag: string): string {
  return `user-${tag}`
}

/**
 * Characters that have no place in a name: controls, lone surrogates, private use, line and paragraph separators, what is not
 * assigned (emoji to come are), and what is blank without being white space.
 */
const FORBIDDEN = /[\p{Cc}\p{Cs}\p{Co}\p{Zl}\p{Zp}\u2800\uFEFF\uFFFC\u{1D159}[\p{Cn}--\p{Extended_Pictographic}]]/v
/** Unseen or reordering: zero width, bidi controls, fillers, … */
const UNSEEN = /[\p{Default_Ignorable_Code_Point}\p{Cf}]/u
/** An emoji may hold joiners and selectors within itself, and tags where these make a flag (UTS #51). */
const EMOJI = /\p{RGI_Emoji_Tag_Sequence}|[0-9#*]\uFE0F\u20E3|\p{ExtPict}\uFE0F?\p{EMod}?(?:\u200D\p{ExtPict}\uFE0F?\p{EMod}?)*/gv
/** Between Arabic letters, where it keeps them apart, and beside the signs of {@link isVirama}, whose shape it decides. */
const ARABIC_NON_JOINER = /(?<=[\p{scx=Arab}&&\p{L}]\p{Mn}*)\u200C(?=[\p{scx=Arab}&&\p{L}])/gv
const INDIC_JOINER = /(\p{M}?)([\u200C\u200D])(\p{M}?)/gu
/** What stands on nothing, more than four on one letter, and twice the same, which cannot be seen to be two (UTS #39 §5.4). */
const MISPLACED_MARK = /(?:^|\s)\p{M}|[\p{Mn}\p{Me}]{5}|([\p{Mn}\p{Me}])\1/u
const MARK = /\p{M}/u
const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })

/**
 * The name as it is kept: NFC, without space at its ends or twice in a row. Whether it may be taken is decided by `NameRules`.
 * @returns undefined where it cannot be shown as a name: empty, longer than {@link MAX_NAME} graphemes, or with characters that
 * cannot be seen or that change how others are read
 */
export function cleanName (text: string): string | undefined {
  const name = text.normalize('NFC').trim().replace(/\s+/gu, ' ')
  if (name === '' || name.length > MAX_UNITS || FORBIDDEN.test(text.trim())) return undefined
  if (UNSEEN.test(name) && UNSEEN.test(withoutSeenJoiners(name))) return undefined
  if (MARK.test(name) && MISPLACED_MARK.test(name.normalize('NFD'))) return undefined
  return name.length > MAX_NAME && [...graphemes.segment(name)].length > MAX_NAME ? undefined : name
}

/** Joiners and selectors are taken out where they change what is seen (UAX #31 §2.3, RFC 5892 appendix A). */
function withoutSeenJoiners (name: string): string {
  return name.replace(EMOJI, ' ').replace(ARABIC_NON_JOINER, '').replace(INDIC_JOINER, (all, before: string, joiner: string, after: string) =>
    isVirama(before) || (joiner === '\u200D' && isVirama(after)) ? before + after : all)
}

/**
 * Whether a mark takes the vowel from a letter: canonical combining class 9, which JavaScript shows by how it orders marks, 8 before
 * it and 10 after.
 */
function isVirama (mark: string): boolean {
  return mark !== '' && `${mark}\u3099`.normalize('NFD').startsWith('\u3099') && `\u05B0${mark}`.normalize('NFD').startsWith(mark)
}
