/**
 * Words that say less than others about what a text is about: particles; auxiliaries and courtesies; words of asking,
 * which may still be synonyms of others; negations; and words that any request may hold. Hand-made.
 *
 * Source of the weights: chosen on STS-B dev, where reading the first three kinds at full weight costs .10 of Spearman.
 */
export const lightWords = Object.freeze([
  {
    weight: 0.25,
    carriesMeaning: false,
    words: `
      a an the of to in on at by for from with and or as is are was were be been being am it its this that these
      those there i me my mine you your yours he him his she her hers we us our they them their
    `,
  },
  {
    weight: 0.45,
    carriesMeaning: false,
    words: `
      do does did done doing have has had having will would shall should can could may might must if then else so but
      than when while because also just too very really into onto out up down over under about after before again any
      some each every all both more most such own same other another here now only still even much many few please
      thanks thank hi hello hey dear ok okay yes im ive dont lets let like got get gets getting s t d m ll re ve
    `,
  },
  {
    weight: 0.5,
    carriesMeaning: true,
    words: `
      what how why where who whom whose which whether nor none need needs want wants use used using make makes made
      making go going goes come help tell know give show see look take put say said ask try one way thing things
      something someone anything anyone everything everyone kind sort lot able possible between through during
      against within without off back around away since until till across along per via myself yourself himself
      herself itself themselves however although though yet ever maybe well
    `,
  },
  { weight: 0.8, carriesMeaning: false, words: 'not no never' },
  {
    weight: 0.85,
    carriesMeaning: true,
    words: `
      act add answer assume base based begin best better big call case change check choose clear common complete
      consider contain correct create current day describe detail detailed different easy end ensure example examples
      explain explanation fact find first follow following full general generate given good great hand high hold idea
      important include includes including information input instruction instructions keep large last leave less line
      list little live long main mean method mind move name new next note number old open order output part people
      person place point problem provide question read real reason related requirement requirements result results
      right run second section set several simple small specific start step steps structure sure system task term text
      think three time title today topic total turn two type understand user value various version word work world
      year years
    `,
  },
] as const);

/** Irregular forms and the word they belong to, as `form:word`. Hand-made from the common irregular verbs and nouns. */
export const irregularForms = `
  men:man women:woman children:child people:person feet:foot teeth:tooth mice:mouse geese:goose wives:wife lives:life
  knives:knife leaves:leaf wolves:wolf halves:half shelves:shelf data:datum media:medium criteria:criterion
  indices:index matrices:matrix vertices:vertex analyses:analysis ran:run went:go gone:go goes:go came:come
  bought:buy brought:bring thought:think taught:teach caught:catch fought:fight sought:seek sold:sell told:tell
  said:say paid:pay laid:lay made:make took:take taken:take gave:give given:give got:get gotten:get had:have has:have
  did:do done:do does:do was:be were:be been:be is:be are:be am:be saw:see seen:see knew:know known:know grew:grow
  grown:grow flew:fly flown:fly drew:draw drawn:draw threw:throw thrown:throw wrote:write written:write spoke:speak
  spoken:speak broke:break broken:break stole:steal stolen:steal chose:choose chosen:choose froze:freeze
  frozen:freeze drove:drive driven:drive rode:ride ridden:ride rose:rise risen:rise fell:fall fallen:fall felt:feel
  kept:keep slept:sleep left:leave lost:lose meant:mean met:meet sent:send spent:spend built:build lent:lend
  found:find held:hold heard:hear led:lead sat:sit stood:stand understood:understand won:win hung:hang began:begin
  begun:begin drank:drink drunk:drink sang:sing sung:sing swam:swim swum:swim ate:eat eaten:eat beaten:beat
  forgot:forget forgotten:forget hidden:hide hid:hide shown:show shot:shoot slid:slide spun:spin stuck:stick
  struck:strike swept:sweep swore:swear tore:tear torn:tear wore:wear worn:wear woke:wake woken:wake became:become
  bit:bite bitten:bite blew:blow blown:blow dealt:deal dug:dig fed:feed fled:flee bound:bind ground:grind knelt:kneel
  lit:light proven:prove shook:shake shaken:shake shrank:shrink sprang:spring swung:swing worse:bad worst:bad
  better:good best:good dying:die lying:lie tying:tie
`;

/** Short forms and spellings that no rule reaches, and what they stand for, as `short:whole`. Hand-made. */
export const shortForms = `
  u:you ur:your pls:please plz:please thx:thanks ty:thanks msg:message msgs:messages pic:picture pics:pictures
  info:information app:application apps:applications acct:account amt:amount addr:address num:number tel:phone
  telephone:phone cellphone:phone mobile:phone tv:television ad:advertisement ads:advertisements doc:document
  docs:documents specs:specifications config:configuration configs:configurations db:database dbs:databases
  js:javascript ts:typescript py:python k8s:kubernetes repo:repository repos:repositories auth:authentication
  admin:administrator dev:developer devs:developers env:environment func:function fn:function param:parameter
  params:parameters arg:argument args:arguments var:variable vars:variables dir:directory lib:library libs:libraries
  regex:regexp biz:business mgmt:management mgr:manager dept:department govt:government max:maximum min:minimum
  avg:average approx:approximately secs:seconds mins:minutes hr:hour hrs:hours yr:year yrs:years wk:week wks:weeks
  jan:january feb:february apr:april aug:august sept:september oct:october nov:november mon:monday tue:tuesday
  tues:tuesday wed:wednesday thu:thursday thurs:thursday fri:friday tmrw:tomorrow tmr:tomorrow usa:america uk:britain
  asap:soon fav:favorite favs:favorites bday:birthday grey:gray cheque:check programme:program tyre:tire
  cancelled:cancel cancelling:cancel cancellation:cancel mum:mother mom:mother mommy:mother mummy:mother dad:father
  daddy:father photo:picture photograph:picture zero:0 two:2 three:3 four:4 five:5 six:6 seven:7 eight:8 nine:9
  ten:10 eleven:11 twelve:12 c++:cpp c#:csharp f#:fsharp
`;
