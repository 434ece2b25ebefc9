/**
 * Words that may stand for one another in a request, as groups divided by `|`. Hand-made, English, everyday.
 *
 * A group is known by its first word, which no other group may begin with: adding groups moves no other vector. A word
 * may be in several groups, and then counts for each a little less.
 */
export const synonymGroups = `
  abroad country foreign international overseas | accept approve approval agree consent |
  accident crash collision wreck | account profile login signin | accurate precise exact exactly |
  achieve accomplish attain reach | action activity act | additional extra more another |
  afraid scared frightened fear | agree agreement deal contract accord treaty | aim purpose intent intention |
  alarm reminder remind alert | allow permit let enable authorize | always constantly forever |
  amazing awesome incredible wonderful fantastic | analyze analyse analysis evaluate assess assessment examine review |
  angry mad furious | announce declare announcement statement | annual yearly | answer reply respond response |
  appear seem look | apply application submit | area region zone district | argue dispute debate quarrel |
  arrest detain jail prison | article essay blog post paper | ask question query inquire request |
  assume suppose presume | attempt try effort | attend participate join | author writer novelist | average mean |
  avoid prevent evade | await wait | aware know conscious | baby infant newborn | bad poor terrible awful |
  ban forbid prohibit outlaw | basic fundamental elementary | battery charge charger | beach coast shore |
  beautiful pretty lovely attractive | belief opinion view thought | benefit advantage pro perk |
  big large huge great enormous giant | bike bicycle cycle motorcycle | book novel read story | bored fun entertain |
  boss manager supervisor | bother annoy disturb | bottom base | brave courageous | break smash shatter crack |
  broken damaged faulty defective | budget spending expense expenditure | busy occupied |
  buy purchase purchased shop shopping acquire | bye goodbye | calculate compute computation calculation |
  call phone ring dial | calm relax peaceful | cancel stop abort terminate end quit revert undo | capital principal |
  car vehicle automobile auto truck | careful cautious | carry bring hold | cat kitten | catch capture |
  celebrate party celebration | center middle | certain sure | chance opportunity possibility |
  change modify edit alter adjust update switch amend revise | cheap inexpensive affordable | chief head boss |
  choose select pick option | city town village | clean wash wipe tidy | clever smart intelligent bright |
  clothes shirt dress wear | cold cool chilly | collect gather accumulate | combine merge unify join |
  command order instruct | comment remark note | common usual ordinary typical |
  company business firm corporation enterprise organization |
  compare comparison contrast versus vs difference different | complain complaint | complicated complex intricate |
  computer pc laptop desktop machine | concern worry anxious | consequence result | consider ponder contemplate |
  contain include hold | continue proceed resume keep | convert conversion transform exchange |
  copy duplicate replicate clone | country nation state | crazy insane mad |
  create make generate produce build construct develop | crime criminal | crowd group bunch | cry weep |
  current present | customer client user consumer | customize personalize tailor | cut slice chop |
  damage harm hurt injure injury | dangerous risky hazardous | deadline due | decide determine decision |
  decrease reduce lower drop fall decline cut shrink lessen | defend protect guard |
  delete remove erase clear drop discard eliminate | dense thick | depressed sad | describe depict portray |
  design layout mockup | destroy demolish ruin | detail detailed specific | detect discover spot notice |
  dictionary map hashmap object | die dead death | diet nutrition | direction route navigate map | dirty filthy |
  disable deactivate off | discuss talk debate discussion | distance mile far | distribute spread |
  divide split separate | doctor physician medical | dog puppy hound | double twice | doubt uncertain unsure |
  download upload | drive driving ride | earn gain | easy simple straightforward | edge border |
  effect impact consequence | elect choose vote | employee worker staff colleague | empty vacant blank |
  enable activate activation on | enemy foe opponent | enjoy like love | enough sufficient | ensure guarantee |
  enter input type | entire whole complete full | environment surroundings setting | equal same identical alike |
  equation formula math mathematics | error bug issue problem fault failure mistake wrong trouble glitch |
  escape flee | estimate approximate guess | evidence proof | exam test quiz | excited thrilled |
  exercise workout gym fitness | expect anticipate predict forecast | expert specialist professional |
  explain clarify describe elaborate interpret | extend expand stretch lengthen | extract pull retrieve |
  face confront | fact truth | fail failed decline reject refuse deny | false incorrect wrong |
  famous popular renowned | fan enthusiast | far distant | fast quick quickly rapid speed swift |
  feature capability functionality | feel sense | file document folder | fill complete | final last ultimate |
  find search locate seek lookup discover | finish complete end conclude | fire burn flame | firm solid | fit suit |
  fix repair solve resolve mend correct debug troubleshoot | follow pursue chase | force compel | forget forgot |
  format structure layout | frequent often regularly | friend buddy pal | function method procedure routine |
  funny humorous comedic | future upcoming | garbage trash waste rubbish | gas fuel petrol | gather assemble |
  get obtain receive acquire fetch | gift present | glance look stare gaze | goal objective aim target |
  good great excellent nice fine | grammar spelling proofread | grass field lawn | group team | habit routine |
  handle manage cope | happen occur | happy glad joyful pleased | hard difficult tough challenging |
  hate dislike detest | heal cure treat treatment | health wellness | heavy weighty | hello hi greeting |
  help assist assistance support aid | hide conceal | high tall | hire recruit recruitment | history past |
  hit strike beat punch | hold grip grasp | horse pony | hotel motel accommodation lodging |
  house home apartment building flat | huge massive vast | hungry starving | hurry rush |
  idea concept brainstorm thought | ignore disregard | illegal unlawful | immediate instant instantly immediately |
  imply suggest | important significant crucial key essential vital | improve upgrade | incident event occurrence |
  increase raise grow rise boost gain climb | individual person | initial first | injured wounded hurt | input prompt |
  inspect examine | install setup configure configuration | insurance coverage policy | intend plan mean |
  interesting fascinating engaging | internet online web network | introduce introduction intro | invent invention |
  invest investment investor | invite invitation | job work career employment occupation position | joke funny humor |
  jump leap hop | keep retain maintain | kid child children toddler baby infant | kill murder slay shoot |
  lack shortage | land ground | language english | late delayed overdue | laugh smile | lazy idle | leader chief |
  learn study education | leave depart exit | legal lawful | lend loan | level degree | lie deceive | lift raise |
  like similar resemble | limit maximum cap threshold | list enumerate itemize | live reside dwell | load upload |
  local nearby | location place spot site | lock unlock freeze block | long lengthy | look watch see view observe |
  loop iterate iteration | lost missing lose misplace | love adore | luck fortune | main primary principal major |
  man guy male gentleman | manual handbook | mark label tag | market marketing advertising advertisement |
  meet encounter | meeting appointment conference call | member participant | message text sms chat | mix blend stir |
  model algorithm | moment instant | monitor track observe | mood emotion feeling | mountain hill | movie film cinema |
  nation national | near close nearby | need require must | nervous anxious | new recent latest modern fresh |
  news headline | no nope | noise sound | normal regular standard | number count quantity amount | object thing |
  offer propose | official formal | old ancient former | optimize improve enhance better refine | order purchase |
  outline skeleton | own possess | package parcel box | paragraph passage | part portion piece section |
  partner collaborator | patient calm | pay payment paid charge bill billing invoice fee | peel skin |
  percent percentage | perhaps maybe possibly | permanent lasting | personal private |
  phone telephone mobile smartphone cellphone iphone android | picture image photo drawing illustration | piece slice |
  place put set | plan schedule itinerary agenda organize | plane airplane aircraft jet flight |
  play perform performance | player athlete | pleasant nice | plot story | poem poetry verse haiku rhyme | point spot |
  polite courteous | pour spill | power energy electricity | practice drill | praise compliment | prefer favor |
  press push | price cost pricing expensive cheap rate | print printer | private privacy confidential |
  product item goods merchandise | promise vow pledge | protest demonstrate demonstration rally | prove demonstrate |
  provide supply give | publish release | pull drag | purpose use | push shove | quality standard |
  quiet silent silence | quit resign | range scope | rare uncommon scarce | raw uncooked | ready prepared |
  real actual genuine authentic | realistic plausible | reason cause why | record log |
  refund reimburse reimbursement chargeback repay | relationship relation | release launch |
  relevant related pertinent | remain stay | remember recall memorize | rent lease rental | repeat again |
  replace swap substitute replacement | report document | rescue save | research study investigate investigation |
  reservation book booking reserve | reset restore restart reboot | respect admire | restrict limit constrain |
  result outcome output | resume cv | return back | rewrite rephrase paraphrase reword | rich wealthy | ride riding |
  risk danger | river lake | rock stone | role persona character act | room bedroom | rude impolite |
  rule guideline instruction policy | run jog sprint | sad unhappy upset | sample specimen | save store keep |
  schedule calendar | score goal | seat chair | secret hidden | section chapter | sector industry |
  security secure safe safety protection | sell sale vendor seller | sensible reasonable | sentence phrase |
  serious severe grave | serve service | server host backend | shake tremble | shape form | sharp keen |
  shorten condense concise brief short | show display view present reveal | shut close | sign indicate |
  silly foolish stupid | simple basic | skill ability | sleep nap rest | slow slowly | small little tiny mini |
  smell scent | smooth flat | soft gentle | software program application app | soldier troop |
  spam scam fraud phishing | speech talk presentation | stage podium | stand standing |
  start begin launch initiate open commence | statement history | steady stable | step stage phase |
  stolen steal theft rob robbery thief | story tale narrative fiction | strange weird odd unusual |
  strategy tactic plan | strict rigid | strong powerful | student pupil learner | stupid dumb | style tone |
  subject topic theme | succeed success successful | sudden suddenly | suffer endure |
  suggest recommend recommendation propose advise advice suggestion | suitable appropriate proper |
  summary summarize summarise overview recap tldr abstract digest | surprise shock | swim swimming | symbol sign |
  synonym thesaurus | system platform | talk speak say chat converse | task chore assignment | taste flavor |
  teacher professor tutor instructor teach | team squad club | tear rip | tell inform notify explain describe |
  temporary disposable | tend incline | test verify check validate confirm verification | thanks thank | thin slim |
  think believe | throw toss | tie bind | tired exhausted | title heading | today tonight |
  top topup deposit load reload add | total sum amount | touch contact | trade swap | train teach coach |
  transaction purchase | translate translation translator | travel trip journey vacation holiday tour |
  true correct right | tutorial guide | unique distinctive | urgent emergency | vague unclear ambiguous | value worth price |
  variable parameter argument | variety diversity | version edition release | video movie film clip | visit tour |
  volume loudness | wait pending delay late | walk stroll hike | way method approach technique |
  weak vulnerable vulnerability | wealth riches | website web site webpage page homepage | welcome greet | wet damp |
  wide broad | wild untamed | win victory beat defeat | wise smart | withdraw withdrawal atm | woman lady female |
  wonder question | word vocabulary term | world global earth planet | wound injury | write compose draft author |
  yell shout scream | yes yeah yep | young youthful
`;
