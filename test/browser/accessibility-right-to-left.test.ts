import { axe } from './axe.js'

axe('ar')
